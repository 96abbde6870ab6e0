"""Uploaded files: taken in, told apart by their content, made fit to be shown, kept and swept. Who may use them in a post
is `fedi.actions.media`; how clients send them is `fedi.mastodon.media`; where they are served is `fedi.web.files`.
"""
