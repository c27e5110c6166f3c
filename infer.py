"""Score slides: ``python infer.py slide.svs --out results/`` (the same as ``histo infer``)."""

from histo.cli import infer_main

if __name__ == "__main__":
    infer_main()
