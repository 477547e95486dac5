"""The pages for patients and doctors."""
