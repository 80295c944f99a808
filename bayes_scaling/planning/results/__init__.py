"""What the verbs of planning answer: draws with their sentences, tables and warnings."""
