"""The reference network of `gamaka bench` in PyTorch, with the convolutions that its users could choose.

Four times group norm (one group) and a 3x3 convolution of stride 2 and padding 1, then mean and deviation of every
channel. An edge (output channel, input channel, tap) is a weight, or a function of eight coefficients: a weight for
silu and seven for splines or Gaussians.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL, STRIDE, PADDING = 3, 2, 1
TAPS = KERNEL * KERNEL
GRID, ORDER, RANGE = 4, 3, 2.5
CELL = 2 * RANGE / GRID
FUNCTIONS = GRID + ORDER
"""Splines or Gaussians of an edge."""
SLOTS = FUNCTIONS + 1
"""Coefficients of an edge: its splines or Gaussians, then silu."""
REFERENCE_CHANNELS = [12, 24, 32, 48]
WAY, SHOT, QUERY = 5, 5, 5
EPSILON = 1e-5

Basis = Callable[[Tensor], Tensor]
"""From values [n, channels, height, width] to functions of them [n, channels, functions, height, width]."""


def cox_de_boor(z: Tensor) -> Tensor:
    """Cubic B-splines, in a new last dimension, by recursion over the order, as efficient-kan computes them."""
    knots = torch.arange(-ORDER, GRID + ORDER + 1, dtype=z.dtype, device=z.device) * CELL - RANGE
    z = z.unsqueeze(-1)
    splines = ((z >= knots[:-1]) & (z < knots[1:])).to(z.dtype)
    for k in range(1, ORDER + 1):
        rising = (z - knots[: -k - 1]) / (knots[k:-1] - knots[: -k - 1])
        falling = (knots[k + 1 :] - z) / (knots[k + 1 :] - knots[1:-k])
        splines = rising * splines[..., :-1] + falling * splines[..., 1:]
    return splines


def closed_form(z: Tensor) -> Tensor:
    """The same B-splines as truncated powers of the distance from each spline's centre, in cells."""
    centres = torch.arange(FUNCTIONS, dtype=z.dtype, device=z.device).view(-1, 1, 1) - 1
    distance = ((z.unsqueeze(2) + RANGE) / CELL - centres).abs()
    return ((2 - distance).clamp(min=0) ** 3 - 4 * (1 - distance).clamp(min=0) ** 3) / 6


def gaussians(z: Tensor) -> Tensor:
    """Gaussians at equal distances over the grid, as FastKAN has them."""
    centres = torch.linspace(-RANGE, RANGE, FUNCTIONS, dtype=z.dtype, device=z.device).view(-1, 1, 1)
    width = 2 * RANGE / (FUNCTIONS - 1)
    return torch.exp(-(((z.unsqueeze(2) - centres) / width) ** 2))


class UnfoldedKanConv(nn.Module):
    """Spline edges as linear layers of efficient-kan over unfolded patches: the basis anew for every tap."""

    ABSENT = -1e3
    """Fills the padding: all splines and silu are 0 there, so that padded taps add nothing."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        deviation = 1 / math.sqrt(inputs * TAPS * SLOTS)
        self.base = nn.Parameter(torch.randn(outputs, inputs * TAPS) * deviation)
        self.spline = nn.Parameter(torch.randn(outputs, inputs * TAPS * FUNCTIONS) * deviation)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def set_edges(self, edges: Tensor) -> None:
        """Takes coefficients [outputs, inputs, slots, taps]."""
        splines, base = edges.split([FUNCTIONS, 1], dim=2)
        self.base.data = base.flatten(1)
        self.spline.data = splines.transpose(2, 3).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        padded = F.pad(x, [PADDING] * 4, value=self.ABSENT)
        # Contiguous, as the recursion is slower on a transposed view.
        patches = F.unfold(padded, KERNEL, stride=STRIDE).transpose(1, 2).contiguous()
        y = F.linear(F.silu(patches), self.base, self.bias)
        y = y + F.linear(cox_de_boor(patches).flatten(2), self.spline)
        return y.transpose(1, 2).unflatten(2, [_output(size) for size in x.shape[2:]])


class ExpandedKanConv(nn.Module):
    """Function edges as an ordinary convolution over eight times the channels: the basis once for every input.

    Zeros pad the functions, not their arguments, so that padded taps add nothing.
    """

    def __init__(self, basis: Basis, inputs: int, outputs: int) -> None:
        super().__init__()
        deviation = 1 / math.sqrt(inputs * TAPS * SLOTS)
        self.basis = basis
        self.weight = nn.Parameter(torch.randn(outputs, inputs * SLOTS, KERNEL, KERNEL) * deviation)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def set_edges(self, edges: Tensor) -> None:
        """Takes coefficients [outputs, inputs, slots, taps]."""
        self.weight.data = edges.flatten(1, 2).unflatten(2, (KERNEL, KERNEL))

    def forward(self, x: Tensor) -> Tensor:
        expanded = torch.cat([self.basis(x), F.silu(x).unsqueeze(2)], dim=2).flatten(1, 2)
        return F.conv2d(expanded, self.weight, self.bias, stride=STRIDE, padding=PADDING)


class StatisticsPool(nn.Module):
    """[n, channels, height, width] to [n, 2 channels]: all means, then all deviations."""

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, dim=(2, 3), correction=0)
        return torch.cat([mean, torch.sqrt(variance + EPSILON)], dim=1)


def plain_conv(inputs: int, outputs: int) -> nn.Module:
    """A convolution with a weight for each edge, then silu."""
    conv = nn.Conv2d(inputs, outputs, KERNEL, stride=STRIDE, padding=PADDING)
    return nn.Sequential(conv, nn.SiLU())


def cox_de_boor_conv(inputs: int, outputs: int) -> ExpandedKanConv:
    """Spline edges by recursion once for every input, as in torch-conv-kan."""
    return ExpandedKanConv(lambda x: cox_de_boor(x).movedim(-1, 2), inputs, outputs)


def closed_form_conv(inputs: int, outputs: int) -> ExpandedKanConv:
    """Spline edges without recursion."""
    return ExpandedKanConv(closed_form, inputs, outputs)


def rbf_conv(inputs: int, outputs: int) -> ExpandedKanConv:
    """Gaussian edges."""
    return ExpandedKanConv(gaussians, inputs, outputs)


Conv = Callable[[int, int], nn.Module]
"""Builds a convolution from its input and output channels."""
SplineConv = Callable[[int, int], UnfoldedKanConv | ExpandedKanConv]


def embedding_network(conv: Conv, channels: list[int]) -> nn.Sequential:
    """From clips [n, 1, bands, frames] to embeddings [n, 2 * last channels]."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip([1, *channels], channels):
        layers += [nn.GroupNorm(1, inputs, eps=EPSILON), conv(inputs, outputs)]
    return nn.Sequential(*layers, StatisticsPool())


def episode_loss(embeddings: Tensor) -> Tensor:
    """Loss of a prototypical episode: all supports, then all queries, both class by class."""
    supports, queries = embeddings.split([WAY * SHOT, WAY * QUERY])
    prototypes = supports.unflatten(0, (WAY, SHOT)).mean(dim=1)
    distances = (queries.unsqueeze(1) - prototypes).square().sum(dim=2)
    labels = torch.arange(WAY, device=embeddings.device).repeat_interleave(QUERY)
    return F.cross_entropy(-distances, labels)


def parameter_count(network: nn.Module) -> int:
    """Learnable values."""
    return sum(parameter.numel() for parameter in network.parameters())


def equal_parameter_channels(channels: list[int]) -> list[int]:
    """Channels, all times one factor, that bring plain convolutions nearest to the parameters of the KAN ones."""
    # The factor is at most the number of slots; its steps move the widest layer by one channel.
    candidates = (
        [round(c * width / channels[-1]) for c in channels] for width in range(channels[-1], SLOTS * channels[-1])
    )
    # Networks without values: a thousand of them would take minutes.
    with torch.device("meta"):
        target = parameter_count(embedding_network(closed_form_conv, channels))
        return min(candidates, key=lambda wide: abs(parameter_count(embedding_network(plain_conv, wide)) - target))


def check_splines() -> None:
    """Proves in double precision that all spline convolutions are one function, within and beyond the grid.

    Raises ArithmeticError if they are not.
    """
    inputs, outputs = 3, 5
    edges = torch.randn(outputs, inputs, SLOTS, TAPS, dtype=torch.float64)
    x = 2 * RANGE * torch.randn(2, inputs, 9, 12, dtype=torch.float64)

    def value_and_gradient(conv: SplineConv) -> tuple[Tensor, Tensor]:
        layer = conv(inputs, outputs).double()
        layer.set_edges(edges)
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        return y, torch.autograd.grad(y.square().sum(), leaf)[0]

    expected = value_and_gradient(UnfoldedKanConv)
    for conv in (cox_de_boor_conv, closed_form_conv):
        for what, found, truth in zip(("values", "gradients"), value_and_gradient(conv), expected):
            error = (found - truth).abs().max().item()
            # Written so that a NaN fails.
            if not error < 1e-9:
                raise ArithmeticError(f"{what} of {conv.__name__} and of UnfoldedKanConv differ by {error:.3g}")


def _output(size: int) -> int:
    return (size + 2 * PADDING - KERNEL) // STRIDE + 1
