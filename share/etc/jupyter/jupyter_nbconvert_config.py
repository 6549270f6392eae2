"""For the environment that the course is installed in: `jupyter nbconvert --to slides` needs no network.

The usual template fetches reveal.js from elsewhere and cuts off what is higher than the screen; `--template reveal` still gives
that. A widget's state is not stored, because it would hide the text beside the widget wherever its script cannot be fetched.
"""

from importlib.resources import files

c = get_config()  # noqa: F821  nbconvert hands it in

TEMPLATES = files("course_tools.publish") / "templates"
c.TemplateExporter.extra_template_basedirs = [str(TEMPLATES)]
c.TemplateExporter.extra_template_paths = [str(TEMPLATES / "lesson-cells")]  # where lesson-html finds how to fold
c.HTMLExporter.template_name = "lesson-html"  # folds the sections that go deeper
c.SlidesExporter.template_name = "lesson-slides"
c.SlidesExporter.embed_images = True
c.ExecutePreprocessor.store_widget_state = False
