"""An example of many: workstations reached over SSH, each with its own data where it differs.

`python bootstrap.py --inventory inventories/team.py --limit 'ada*' plan`
"""

workstations = [
    ("ada.example.org", {"ssh_user": "ada"}),
    ("grace.example.org", {"ssh_user": "grace", "blog_port": 4100}),
]
