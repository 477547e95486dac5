"""The charts of the capacity report, each as SVG; no meaning is in a colour alone."""
