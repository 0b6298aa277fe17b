"""The page on the packages, a module a package."""
