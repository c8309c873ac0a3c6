"""The commands of `smartedit`, a file a family: what they are asked, and the one call of the room that does the work.

Every file has `add(commands)`, which adds its commands to the top parser. Nothing heavy is imported before a command runs.
"""
