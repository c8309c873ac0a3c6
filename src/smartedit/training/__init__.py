"""How SmartEdit learns: one loop, and a table of stages that says what each one trains on what."""
