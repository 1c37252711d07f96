"""This computer: the inventory that is used when none is named."""

laptop = ["@local"]
