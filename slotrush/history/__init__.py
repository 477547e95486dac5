"""What accepted runs amounted to, kept with the code: small summaries, where they changed, and charts of them."""
