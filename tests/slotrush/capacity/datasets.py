"""Published scalability measurements with published coefficients, which `usl.fit` must reproduce.

Two of the data sets that R's package `usl` (Möding, version 2 and later) ships. Its third, `oracledb`, is published
only as a binary file and is left out.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Dataset:
    """Measurements, and the coefficients that were published for them (least squares on the throughput itself)."""

    name: str
    source: str
    load_unit: str
    throughput_unit: str
    loads: tuple[float, ...]
    throughputs: tuple[float, ...]
    gamma: float
    sigma: float
    kappa: float
    coefficients_source: str


RAYTRACER: Final = Dataset(
    name="raytracer",
    source=(
        "Gunther, Guerrilla Capacity Planning, Springer 2007: BRL-CAD's ray-tracing benchmark on an SGI Origin 2000 "
        "with 64 R12000 processors of 300 MHz"
    ),
    load_unit="processors",
    throughput_unit="ray-geometry intersections per second",
    loads=(1, 4, 8, 12, 16, 20, 24, 28, 32, 48, 64),
    throughputs=(20, 78, 130, 170, 190, 200, 210, 230, 260, 280, 310),
    gamma=21.8488,
    sigma=0.0578,
    kappa=0.0,
    coefficients_source="R package usl, tests/confint.Rout.save (R 3.6.2)",
)

SPECSDM91: Final = Dataset(
    name="specsdm91",
    source=(
        "Gunther, Guerrilla Capacity Planning, Springer 2007, from www.spec.org/osg/sdm91/results: SPEC SDM91 on a Sun "
        "SPARCcenter 2000 with 16 processors, October 1994"
    ),
    load_unit="simulated users",
    throughput_unit="scripts per hour",
    loads=(1, 18, 36, 72, 108, 144, 216),
    throughputs=(64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2),
    gamma=89.9952330,
    sigma=0.0277285,
    kappa=0.0001044,
    coefficients_source="R package usl, README.md and tests/summary.Rout.save (R 3.6.2)",
)

DATASETS: Final = (RAYTRACER, SPECSDM91)
