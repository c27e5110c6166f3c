"""From a manifest to a bundle. The only room that imports lightning and albumentations."""
