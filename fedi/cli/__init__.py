"""The door for operators: the command `fedi`, one file per command. `main` lists them; `console` is what they share."""
