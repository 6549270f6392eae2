"""What a visitor of the site meets beside JupyterLite: a front page, a picture while Python loads, and a copy
of the site that works offline.
"""
