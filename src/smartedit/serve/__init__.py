"""How people and programs reach an editor: a page in the browser (`ui`), and a server that speaks the OpenAI Images API (`app`)."""
