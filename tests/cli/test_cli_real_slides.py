"""Every development slide is scored, or refused in one sentence."""

import pytest
from cli_fakes import complete, left_in

pytestmark = pytest.mark.shared_data

FORCED = ("--stain", "H&E", "--force")
EXPECTED = [
    ("cmu_small_region.svs", (), None),
    ("monusac_A9K0_1.svs", (), None),
    ("tcga_cr_7395_no_mpp.svs", (), "tcga_cr_7395_no_mpp.svs has no µm/px. Pass --mpp"),
    ("tcga_cr_7395_no_mpp.svs", ("--mpp", "0.25"), None),
    ("breast_fat_S001.svs", (), "an unknown stain"),
    ("breast_fat_S001.svs", FORCED, None),
    ("broken.svs", (), "broken.svs is no slide"),
    ("jpeg_wsi.dcm", (), "16.78 µm/px, outside the plausible 0.1 to 1.2. Pass --mpp"),
    ("jpeg2000_wsi.dcm", (), "16.78 µm/px, outside the plausible 0.1 to 1.2. Pass --mpp"),
    ("jpeg_wsi.dcm", ("--mpp", "0.5", *FORCED), None),
    ("jpeg2000_wsi.dcm", ("--mpp", "0.5", *FORCED), None),
    ("monusac_A9K0_1.xml", (), "monusac_A9K0_1.xml is no slide"),
]


def test_no_slide_is_left_out(shared_data):
    files = {path.name for path in (shared_data / "slides").iterdir()}
    assert files <= {name for name, _, _ in EXPECTED}


@pytest.mark.parametrize(
    ("name", "words", "refusal"), EXPECTED, ids=lambda v: " ".join(v) if isinstance(v, tuple) else v
)
def test_a_slide_is_scored_or_refused(infer, shared_data, out, name, words, refusal):
    done = infer(shared_data / "slides" / name, *words, "--out", out)
    if refusal is None:
        assert done.code == 0, done.err
        assert done.err == ""
        assert complete(next(out.iterdir()))
    else:
        assert done.code == 1
        assert done.says(refusal), done.err
        assert not left_in(out)
