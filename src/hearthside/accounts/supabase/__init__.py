"""Supabase in the place of our own passwords and tokens (the extra `hearthside[supabase]`).

People sign up and in at the project's GoTrue, whose tokens are taken here. Everything else is kept here: a user's row,
with GoTrue's id as its uid, and one for each of their sessions, both made when they are first seen. So the rules of
this server (deletion, disabled users, the life of a session, ended devices) hold for GoTrue's tokens too.
"""
