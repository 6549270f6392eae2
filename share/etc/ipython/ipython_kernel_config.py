"""For the kernels of the environment that the course is installed in: a lesson that was resumed in the middle is told what to do."""

c = get_config()  # noqa: F821  the kernel hands it in

c.InteractiveShellApp.extensions.append("lesson_lib.jupyter.kernel")
