"""What learners answered, judged again: a report for each notebook, and one table for a class.

A copy is other people's code, so nothing that it prints, stores or patches is believed. Each copy is looked at in three steps,
by processes that are started for it alone, with bounds on time, memory and output (`sandbox`):

1. `execute` runs the copy in a kernel, in a folder of its own, against a throw-away lesson_lib. It finds out whether the
   copy runs, and nothing else.
2. `judge` starts from lesson_lib as this process read it before any copy ran. It reads the answers off the copy's cells, by the
   calls in them, and checks each again.
3. `worker` is where an answer that is no literal is worked out, and where a learner's function is called: the judge sends
   arguments and takes back literals, so the code that judges never shares a process with the code that is judged.

What this withstands: crashes, endless loops, floods of output, memory without end, deleted or doubled cells, printed or
stored results, patches of lesson_lib at run time, and edits of its files. What it does not: an answer that reads the solution
out of lesson_lib (a learner may), and code that attacks the system (other processes of its user, files that its user may write,
the network). Hence a report runs copies only in a container or virtual machine without network, as a user that owns nothing else.
"""
