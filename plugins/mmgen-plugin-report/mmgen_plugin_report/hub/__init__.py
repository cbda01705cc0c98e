"""Everything of the Hugging Face Hub: the layout of an exported run, its model card, export, upload and download."""
