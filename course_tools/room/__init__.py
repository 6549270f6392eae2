"""A room of learners for a day: `python -m lesson_lib room`.

One broker for all (`command`), the page that learners open (`desk`), and the folder that their copies are
collected in (`copy_folder`), which `report --class` reads. What this machine must have is in `machine`.
"""
