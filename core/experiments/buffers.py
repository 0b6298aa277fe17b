"""Parameters, buffers and plain attributes: what a module, its optimiser and its state dict do with each.

A parameter is what `parameters()` lists, and so what an optimiser is given. A buffer is not listed there, but moves
with the module and, unless it is made non-persistent, is saved with it. A plain tensor attribute is none of the
module's business. Whether a gradient arrives is another question, which only requires_grad decides.
"""

import copy
import functools
import io
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.ops import init

Numbers = tuple[float, ...] | Tensor


class Holder(nn.Module):
    """One of each kind, all of shape (size,) and all used in the forward pass: y = x · (sum of the five)."""

    weight: nn.Parameter
    frozen: nn.Parameter
    buffer: Tensor
    scratch: Tensor

    def __init__(self, buffer_requires_grad: bool = False, size: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.frozen = nn.Parameter(torch.ones(size), requires_grad=False)
        self.register_buffer("buffer", torch.ones(size, requires_grad=buffer_requires_grad))
        self.register_buffer("scratch", torch.ones(size), persistent=False)
        self.plain = torch.ones(size)

    def forward(self, x: Tensor) -> Tensor:
        """x · (weight + frozen + buffer + scratch + plain)."""
        return x * (self.weight + self.frozen + self.buffer + self.scratch + self.plain)


def example() -> Tensor:
    """The x of the page."""
    return torch.tensor([1.0, 2.0, 3.0])


def made(buffer_requires_grad: bool, size: int, requires_grad: bool | None) -> Holder:
    """A module, after module.requires_grad_(...) if it is called at all."""
    module = Holder(buffer_requires_grad, size)
    return module if requires_grad is None else module.requires_grad_(requires_grad)


KINDS = {
    "weight": "nn.Parameter",
    "frozen": "nn.Parameter, requires_grad=False",
    "buffer": "register_buffer",
    "scratch": "register_buffer, persistent=False",
    "plain": "self.plain = tensor",
}


@dataclass(frozen=True)
class Role:
    """What becomes of one tensor of a `Holder`, each answer from a run."""

    name: str
    kind: str
    in_parameters: bool
    in_buffers: bool
    in_state_dict: bool
    moved: bool  # by .to(torch.float64), as .cuda() would move it
    has_gradient: bool  # after a backward
    handed: bool  # to SGD: as one of module.parameters(), or besides
    changed_by_optimiser: bool
    before: tuple[float, ...]
    after: tuple[float, ...]
    gradient: tuple[float, ...] | None


def roles(
    module: Holder, x: Numbers = (1.0, 2.0, 3.0), lr: float = 0.1, handed: Collection[str] = ()
) -> tuple[Role, ...]:
    """Move a copy of the module, and train another for one step of SGD on x.

    SGD gets module.parameters(), and the tensors named in `handed` besides. RuntimeError where nothing requires a
    gradient.
    """
    moved = copy.deepcopy(module).to(torch.float64)
    stepped = copy.deepcopy(module)
    given = [*stepped.parameters(), *(getattr(stepped, name) for name in handed)]
    _train_step(stepped, torch.optim.SGD(given, lr=lr), x)

    def role(name: str, kind: str) -> Role:
        before, after = getattr(module, name).detach(), getattr(stepped, name)
        return Role(
            name=name,
            kind=kind,
            in_parameters=name in dict(module.named_parameters()),
            in_buffers=name in dict(module.named_buffers()),
            in_state_dict=name in module.state_dict(),
            moved=getattr(moved, name).dtype == torch.float64,
            has_gradient=after.grad is not None,
            handed=any(after is tensor for tensor in given),
            changed_by_optimiser=not torch.equal(before, after),
            before=tuple(before.tolist()),
            after=tuple(after.tolist()),
            gradient=None if after.grad is None else tuple(after.grad.tolist()),
        )

    return tuple(role(name, kind) for name, kind in KINDS.items())


def tensors_after(found: Collection[Role]) -> dict[str, Tensor]:
    """The tensors by name, after the step."""
    return {role.name: torch.tensor(role.after) for role in found}


def refusal(module: Holder, x: Numbers, lr: float, handed: Collection[str] = ()) -> str:
    """What torch says of this training step where it does not take it; empty where it does."""
    try:
        roles(module, x, lr, handed)
    except RuntimeError as said:
        return f"RuntimeError: {said}"
    return ""


def _train_step(module: nn.Module, optimiser: torch.optim.Optimizer, x: Numbers = (1.0, 2.0, 3.0)) -> None:
    module(torch.as_tensor(x)).sum().backward()
    optimiser.step()


# ---- saving and loading ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RoundTrip:
    """A state dict through real bytes into a fresh module."""

    nbytes: int
    keys: tuple[str, ...]
    saved: dict[str, tuple[float, ...]]  # by name: the numbers of the module that was saved,
    loaded: dict[str, tuple[float, ...]]  # and those of the fresh one after loading
    error: str | None  # of load_state_dict, which has loaded what it could

    @property
    def came_back(self) -> dict[str, bool]:
        """By name: has the fresh module the saved numbers?"""
        return {name: self.loaded[name] == numbers for name, numbers in self.saved.items()}


def save_and_load(fill: float = 7.0, without: str | None = None, strict: bool = True, size: int = 3) -> RoundTrip:
    """Fill a `Holder` with a number, save its state dict, and load the bytes into a new `Holder` of 1s.

    `without` leaves a name out of what is saved.
    """
    module, fresh = Holder(size=size), Holder(size=size)
    with torch.no_grad():
        for name in KINDS:
            getattr(module, name).fill_(fill)
    data = saved_bytes(module, without)
    error = None
    try:
        fresh.load_state_dict(torch.load(io.BytesIO(data), weights_only=True), strict=strict)
    except RuntimeError as refusal:
        error = str(refusal)
    keys = tuple(name for name in module.state_dict() if name != without)
    return RoundTrip(len(data), keys, _numbers(module), _numbers(fresh), error)


def _numbers(module: nn.Module) -> dict[str, tuple[float, ...]]:
    return {name: tuple(getattr(module, name).tolist()) for name in KINDS}


def saved_bytes(module: nn.Module, without: str | None = None) -> bytes:
    """The module's state dict as torch.save writes it, but for the name `without`."""
    file = io.BytesIO()
    torch.save({name: value for name, value in module.state_dict().items() if name != without}, file)
    return file.getvalue()


def load_refusal(without: str = "buffer", strict: bool = True) -> str | None:
    """What load_state_dict says of a state dict that lacks a name: None where it takes it."""
    state = {name: value for name, value in Holder().state_dict().items() if name != without}
    try:
        Holder().load_state_dict(state, strict=strict)
    except RuntimeError as error:
        return str(error)
    return None


# ---- pitfalls: the tutorial's points first -----------------------------------------------------------------------


def _role(name: str, x: Numbers, lr: float, module: Holder | None = None, handed: Collection[str] = ()) -> Role:
    found = roles(module or Holder(size=len(x)), x, lr, handed)
    return next(role for role in found if role.name == name)


@dataclass(frozen=True)
class Registered:
    """What registering makes of a tensor, and batch norm's running mean before and after a forward pass."""

    in_parameters: bool
    in_buffers: bool
    moved: bool
    changed_by_optimiser: bool
    names: list[str]  # of batch norm's buffers
    before: tuple[float, ...]
    after: tuple[float, ...]


def registered_tensors(x: Numbers, lr: float) -> Registered:
    """4.2: a registered buffer, and buffers that change without any optimiser."""
    buffer, layer = _role("buffer", x, lr), nn.BatchNorm1d(2)
    assert layer.running_mean is not None
    before = tuple(layer.running_mean.tolist())
    layer(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    return Registered(
        buffer.in_parameters, buffer.in_buffers, buffer.moved, buffer.changed_by_optimiser,
        [name for name, _ in layer.named_buffers()], before, tuple(layer.running_mean.tolist()),
    )  # fmt: skip


@dataclass(frozen=True)
class Handed:
    """A buffer that requires a gradient, before a step of SGD and after it."""

    lr: float
    before: tuple[float, ...]
    usual: tuple[float, ...]  # where SGD was given module.parameters()
    handed: tuple[float, ...]  # where it was given the buffer besides


def optimisers_update_what_they_are_given(x: Numbers, lr: float) -> Handed:
    """4.3: the optimiser updates what it is given, and can be given a buffer."""
    usual = _role("buffer", x, lr, Holder(True, len(x)))
    handed = _role("buffer", x, lr, Holder(True, len(x)), ("buffer",))
    return Handed(lr, usual.before, usual.after, handed.after)


@dataclass(frozen=True)
class Gradients:
    """The gradient that arrives at a buffer, which is None where none does."""

    default: tuple[float, ...] | None
    asked: tuple[float, ...] | None  # where the registered tensor has requires_grad=True
    weight: tuple[float, ...] | None


def gradients_of_buffers(x: Numbers, lr: float) -> Gradients:
    """4.5: a buffer as it is usually registered, one that asks for a gradient, and a parameter."""
    asked = _role("buffer", x, lr, Holder(True, len(x)))
    return Gradients(_role("buffer", x, lr).gradient, asked.gradient, _role("weight", x, lr).gradient)


@dataclass(frozen=True)
class Frozen:
    """A parameter with requires_grad=False beside a buffer."""

    alike: bool  # saved, moved and not updated, both
    counted: int  # numbers in parameters() that the frozen one adds
    frozen_thaws: bool  # by module.requires_grad_(True)
    buffer_thaws: bool
    decayed: tuple[float, ...]  # a weight of 1s, frozen while its gradient holds zeros, after a step with weight decay


def frozen_parameters(x: Numbers, lr: float) -> Frozen:
    """4.6: where a frozen parameter is not as good as a buffer."""
    frozen, buffer = _role("frozen", x, lr), _role("buffer", x, lr)
    alike = all(
        getattr(frozen, fact) == getattr(buffer, fact) for fact in ("in_state_dict", "moved", "changed_by_optimiser")
    )
    module = Holder(size=len(x))
    counted = sum(p.numel() for name, p in module.named_parameters() if name == "frozen")
    module.requires_grad_(True)
    return Frozen(alike, counted, module.frozen.requires_grad, module.buffer.requires_grad, _decayed_after_freezing())


def _decayed_after_freezing() -> tuple[float, ...]:
    """Train a weight, zero its gradient without dropping it, freeze it, and step on with weight decay."""
    module = Holder()
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1, weight_decay=1.0)
    module(torch.zeros(3)).sum().backward()
    optimiser.zero_grad(set_to_none=False)
    module.weight.requires_grad_(False)
    optimiser.step()
    return tuple(module.weight.tolist())


@dataclass(frozen=True)
class LeftOut:
    """A parameter that the optimiser was not given."""

    gradient: tuple[float, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]


def a_parameter_left_out(x: Numbers, lr: float) -> LeftOut:
    """4.7: a gradient without an update, by a parameter."""
    module = Holder(size=len(x))
    before = tuple(module.weight.tolist())
    _train_step(module, torch.optim.SGD([module.frozen], lr=lr), x)
    assert module.weight.grad is not None
    return LeftOut(tuple(module.weight.grad.tolist()), before, tuple(module.weight.tolist()))


@dataclass(frozen=True)
class Assigned:
    """Assignments to the names of a module."""

    in_buffers: bool  # after module.buffer = module.buffer + 1
    values: tuple[float, ...]
    refusal: str  # of module.weight = torch.ones(3)


def assignment_to_names() -> Assigned:
    """Assign a tensor to a buffer's name, and to a parameter's."""
    module = Holder()
    module.buffer = module.buffer + 1
    refusal = ""
    try:
        module.weight = torch.ones(3)  # type: ignore[assignment]
    except TypeError as said:
        refusal = f"TypeError: {said}"
    return Assigned("buffer" in dict(module.named_buffers()), tuple(module.buffer.tolist()), refusal)


@dataclass(frozen=True)
class Lists:
    """How many tensors parameters() gives."""

    plain: int
    in_list: int  # with one more in a Python list
    in_parameter_list: int  # with one more in an nn.ParameterList


def lists_hide_tensors() -> Lists:
    """A parameter in a list, and in a ParameterList."""
    module = Holder()
    plain = len([*module.parameters()])
    module.extra = [nn.Parameter(torch.ones(3))]  # type: ignore[assignment]
    in_list = len([*module.parameters()])
    module.extra = nn.ParameterList([nn.Parameter(torch.ones(3))])
    return Lists(plain, in_list, len([*module.parameters()]))


@dataclass(frozen=True)
class Converted:
    """After module.to(torch.float64), with an optimiser made before it."""

    same_weight: bool  # whether module.weight is the same object
    same_buffer: bool
    before: tuple[float, ...]
    after: tuple[float, ...]  # the weight, after a step of that optimiser


def moving_keeps_parameters(x: Numbers, lr: float) -> Converted:
    """The identity of a parameter and of a buffer over .to()."""
    module = Holder(size=len(x))
    weight, buffer = module.weight, module.buffer
    optimiser = torch.optim.SGD(module.parameters(), lr=lr)
    module.to(torch.float64)
    before = tuple(module.weight.tolist())
    _train_step(module, optimiser, x)
    return Converted(module.weight is weight, module.buffer is buffer, before, tuple(module.weight.tolist()))


# ---- a step by hand ----------------------------------------------------------------------------------------------


def step_by_hand(x: Tensor, lr: float) -> Tensor:
    """What backward and SGD do with a parameter and with a buffer that stands beside it."""
    weight = torch.ones(len(x), requires_grad=True)
    buffer = torch.ones(len(x))
    y = x * (weight + buffer)
    (grad,) = torch.autograd.grad(y.sum(), [weight])
    with torch.no_grad():
        weight -= lr * grad
    return weight


# ---- the case: MoCo --------------------------------------------------------------------------------------------


class MoCo(nn.Module):
    """Momentum contrast (He et al., 2020) in its smallest shape: linear encoders and a short queue of keys.

    The query encoder learns. The key encoder is a copy that follows it slowly and is never trained. The queue of past
    keys and the place to write the next ones are buffers: state to save and to move, not to learn.
    """

    queue: Tensor
    pointer: Tensor

    def __init__(self, inputs: int = 8, dim: int = 4, queue_size: int = 12, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.query_encoder = nn.Linear(inputs, dim, bias=False)
        init.xavier_normal_(self.query_encoder.weight, generator=generator)
        queue = torch.randn(queue_size, dim, generator=generator)
        self.key_encoder = copy.deepcopy(self.query_encoder).requires_grad_(False)
        self.register_buffer("queue", F.normalize(queue, dim=1))  # (K, dim)
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long))


@dataclass(frozen=True)
class MoCoSteps:
    """One training step, in order."""

    key_drift: float  # distance of the key encoder's weight from the query encoder's, before the step
    query: Tensor  # (N, dim)
    key: Tensor  # (N, dim)
    logits: Tensor  # (N, 1 + K): the own key first, then the queue, over the temperature
    loss: float
    queue_before: Tensor  # (K, dim)
    queue_after: Tensor
    pointer_before: int
    pointer_after: int


def moco_step(
    moco: MoCo, x_query: Tensor, x_key: Tensor, lr: float = 0.1, momentum: float = 0.99, temperature: float = 0.07
) -> MoCoSteps:
    """Train on two views (N, inputs) of the same samples; changes `moco` in place.

    The key encoder follows, θₖ ← m·θₖ + (1 − m)·θ_q; query and key are the unit vectors of the two encoders; each query
    must pick its own key out of all in the queue (cross entropy with label 0); the query encoder takes a step of SGD;
    the keys overwrite the oldest in the queue. ValueError unless N divides the queue's size: a batch never wraps.
    """
    if len(moco.queue) % len(x_key):
        raise ValueError(f"x_key must have a batch size that divides {len(moco.queue)}, but got {len(x_key)}")
    key_drift = _distance(moco.key_encoder, moco.query_encoder)
    query = F.normalize(moco.query_encoder(x_query), dim=1)  # (N, dim)
    with torch.no_grad():
        _follow(moco.key_encoder, moco.query_encoder, momentum)
        key = F.normalize(moco.key_encoder(x_key), dim=1)  # (N, dim)
    own = (query * key).sum(dim=1, keepdim=True)  # (N, 1)
    queue_before, pointer_before = moco.queue.clone(), int(moco.pointer)
    logits = torch.cat([own, query @ queue_before.T], dim=1) / temperature  # (N, 1 + K)
    loss = F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))
    _descend(moco.query_encoder, loss, lr)
    _enqueue(moco, key)
    return MoCoSteps(
        *(key_drift, query.detach(), key, logits.detach(), loss.item()),
        *(queue_before, moco.queue.clone(), pointer_before, int(moco.pointer)),
    )


def _distance(a: nn.Linear, b: nn.Linear) -> float:
    return (a.weight - b.weight).norm().item()


def _follow(follower: nn.Module, leader: nn.Module, momentum: float) -> None:
    for theirs, ours in zip(leader.parameters(), follower.parameters(), strict=True):
        ours.mul_(momentum).add_(theirs, alpha=1 - momentum)


def _descend(module: nn.Module, loss: Tensor, lr: float) -> None:
    gradients = torch.autograd.grad(loss, list(module.parameters()))
    with torch.no_grad():
        for parameter, gradient in zip(module.parameters(), gradients, strict=True):
            parameter.sub_(lr * gradient)


def _enqueue(moco: MoCo, key: Tensor) -> None:
    start = int(moco.pointer)
    moco.queue[start : start + len(key)] = key
    moco.pointer.fill_((start + len(key)) % len(moco.queue))


def moco_run(
    steps: int,
    *,
    batch: int = 4,
    queue_size: int = 12,
    lr: float = 0.1,
    momentum: float = 0.99,
    seed: int = 0,
) -> tuple[MoCo, list[MoCoSteps]]:
    """A new `MoCo` after so many steps, and each of them. Every step sees new samples, as two noisy views."""
    moco = MoCo(queue_size=queue_size, seed=seed)
    taken = [moco_step(moco, *two_views(step, batch, seed), lr=lr, momentum=momentum) for step in range(steps)]
    return moco, taken


def two_views(step: int, batch: int, seed: int, inputs: int = 8) -> tuple[Tensor, Tensor]:
    """The samples (batch, inputs) of a step, with two draws of noise: what augmentation does to an image."""
    generator = torch.Generator().manual_seed(1000 * seed + step)
    x = torch.randn(batch, inputs, generator=generator)
    return tuple(x + 0.3 * torch.randn(batch, inputs, generator=generator) for _ in range(2))  # type: ignore[return-value]


def next_loss(
    moco: MoCo, step: int, *, batch: int = 4, lr: float = 0.1, momentum: float = 0.99, seed: int = 0, keep: bool = True
) -> float:
    """The loss of the next step by a `MoCo` loaded from the bytes of this one: with its buffers, or without."""
    fresh = MoCo(queue_size=len(moco.queue), seed=seed + 1)
    state = torch.load(io.BytesIO(saved_bytes(moco)), weights_only=True)
    kept = {name: value for name, value in state.items() if keep or name not in dict(moco.named_buffers())}
    fresh.load_state_dict(kept, strict=False)
    return moco_step(fresh, *two_views(step, batch, seed), lr=lr, momentum=momentum).loss


@dataclass(frozen=True)
class Registration:
    """What one tensor of a model is."""

    name: str
    shape: tuple[int, ...]
    parameter: bool
    requires_grad: bool
    buffer: bool
    saved: bool


@dataclass(frozen=True)
class Resumed:
    """The loss of the next step, and of the same step after saving and loading."""

    goes_on: float
    with_buffers: float
    without_buffers: float
    tensors: tuple[Registration, ...]


def resumed(step: int, *, batch: int, momentum: float, seed: int) -> Resumed:
    """MoCo after so many steps, saved and loaded with its buffers and without them."""
    run = functools.partial(moco_run, batch=batch, momentum=momentum, seed=seed)
    model, loss = run(step)[0], run(step + 1)[1][-1].loss
    again = functools.partial(next_loss, model, step, batch=batch, momentum=momentum, seed=seed)
    parameters, buffered, saved = dict(model.named_parameters()), dict(model.named_buffers()), model.state_dict()
    tensors = tuple(
        Registration(name, tuple(value.shape), name in parameters, value.requires_grad, name in buffered, name in saved)
        for name, value in {**parameters, **buffered}.items()
    )
    return Resumed(loss, again(keep=True), again(keep=False), tensors)


def ring_example() -> tuple[Tensor, Tensor]:
    """An empty queue of six rows, and eight keys."""
    return torch.zeros(6, 2), torch.arange(1.0, 17.0).reshape(8, 2)


def write_in_a_ring(queue: Tensor, keys: Tensor, batch: int) -> Tensor:
    """A queue as a ring: each batch of keys overwrites the oldest rows."""
    queue = queue.clone()
    pointer = torch.zeros((), dtype=torch.long)
    for start in range(0, len(keys), batch):
        first = int(pointer)
        queue[first : first + batch] = keys[start : start + batch]
        pointer.copy_((pointer + batch) % len(queue))
    return queue
