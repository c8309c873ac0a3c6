"""How other programs reach an editor: a server that speaks the OpenAI Images API and edits requests together."""
