"""Parameters, buffers and plain attributes: what a module, its optimiser and its state dict do with each.

A parameter is what `parameters()` lists, and so what an optimiser is given. A buffer is not listed there, but moves
with the module and, unless it is made non-persistent, is saved with it. A plain tensor attribute is none of the
module's business. Whether a gradient arrives is another question, which only requires_grad decides.
"""

import copy
import io
from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.experiments.claim import Claim
from core.ops import init


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
    changed_by_optimiser: bool  # by SGD over module.parameters(), and over what it was handed besides
    before: tuple[float, ...]
    after: tuple[float, ...]
    gradient: tuple[float, ...] | None


def roles(
    module: Holder, x: tuple[float, ...] = (1.0, 2.0, 3.0), lr: float = 0.1, handed: Collection[str] = ()
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
            changed_by_optimiser=not torch.equal(before, after),
            before=tuple(before.tolist()),
            after=tuple(after.tolist()),
            gradient=None if after.grad is None else tuple(after.grad.tolist()),
        )

    return tuple(role(name, kind) for name, kind in KINDS.items())


def _train_step(module: nn.Module, optimiser: torch.optim.Optimizer, x: tuple[float, ...] = (1.0, 2.0, 3.0)) -> None:
    module(torch.tensor(x)).sum().backward()
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


# ---- the tutorial's points 4.1 to 4.7 --------------------------------------------------------------------------


def _role(name: str, module: Holder | None = None) -> Role:
    return next(role for role in roles(module or Holder()) if role.name == name)


def plain_tensors_stay_behind() -> Claim:
    """4.1."""
    plain, scratch = _role("plain"), _role("scratch")
    return Claim(
        says="4.1 A plain tensor attribute is not in state_dict() and does not move with the model; "
        "a registered buffer is and does.",
        holds=not plain.in_state_dict and not plain.moved and _role("buffer").in_state_dict and _role("buffer").moved,
        facts={
            "plain: in state_dict, moved": (plain.in_state_dict, plain.moved),
            "buffer: in state_dict, moved": (_role("buffer").in_state_dict, _role("buffer").moved),
            "persistent=False: in state_dict, moved": (scratch.in_state_dict, scratch.moved),
        },
        rather="It holds. With persistent=False a buffer moves but is not saved.",
    )


def buffers_become_parameters() -> Claim:
    """4.2."""
    buffer = _role("buffer")
    return Claim(
        says="4.2 A registered tensor becomes a parameter of the model, moves with it, and gradients do not update it.",
        holds=buffer.in_parameters and buffer.moved and not buffer.changed_by_optimiser,
        facts={
            "in parameters()": buffer.in_parameters,
            "in buffers()": buffer.in_buffers,
            "moved": buffer.moved,
            "changed by the optimiser": buffer.changed_by_optimiser,
        },
        rather="It moves and the optimiser leaves it alone, but it is no parameter: parameters() does not list it. "
        "Nor need it stay constant: batch norm's running mean is a buffer and changes in every forward pass.",
    )


def optimisers_update_parameters_only() -> Claim:
    """4.3: the optimiser updates what it is given, and can be given a buffer."""
    module = Holder(buffer_requires_grad=True)
    _train_step(module, torch.optim.SGD([*module.parameters(), module.buffer], lr=0.1))
    usual = _role("buffer", Holder(buffer_requires_grad=True))
    return Claim(
        says="4.3 Both are saved, both move; the optimiser updates parameters and never buffers.",
        holds=not usual.changed_by_optimiser and module.buffer.tolist() == [1.0, 1.0, 1.0],
        facts={
            "buffer changed by SGD(module.parameters())": usual.changed_by_optimiser,
            "buffer after SGD([*module.parameters(), module.buffer])": module.buffer.tolist(),
        },
        rather="The optimiser updates what it is handed. parameters() leaves buffers out, and that is all that "
        "protects them. Not every buffer is saved: persistent=False.",
    )


def two_lists_reach_everything() -> Claim:
    """4.4."""
    module = Holder()
    parameters, buffers = dict(module.named_parameters()), dict(module.named_buffers())
    return Claim(
        says="4.4 parameters() and named_parameters() are the same and reach the parameters; buffers() and "
        "named_buffers() reach the buffers.",
        holds=[*parameters] == ["weight", "frozen"] and [*buffers] == ["buffer", "scratch"],
        facts={
            "named_parameters()": [*parameters],
            "named_buffers()": [*buffers],
            "the same tensors without names": all(
                a is b for a, b in zip(module.parameters(), parameters.values(), strict=True)
            ),
        },
        rather="It holds, with one difference: the named ones give (name, tensor) pairs.",
    )


def buffers_get_gradients() -> Claim:
    """4.5."""
    default, asked = _role("buffer"), _role("buffer", Holder(buffer_requires_grad=True))
    return Claim(
        says="4.5 Buffers get gradients from backward() just as parameters do; they are only not updated.",
        holds=default.has_gradient,
        facts={
            "gradient of register_buffer(name, tensor)": default.has_gradient,
            "gradient where the tensor has requires_grad=True": asked.has_gradient,
            "changed by the optimiser then": asked.changed_by_optimiser,
        },
        rather="Only if the registered tensor has requires_grad=True, which is not the default; a parameter has it.",
    )


def frozen_parameters_equal_buffers() -> Claim:
    """4.6."""
    frozen, buffer = _role("frozen"), _role("buffer")
    module = Holder()
    thawed = _thaw_in_the_usual_way(module)
    facts = {
        "frozen: saved, moved, changed": (frozen.in_state_dict, frozen.moved, frozen.changed_by_optimiser),
        "buffer: saved, moved, changed": (buffer.in_state_dict, buffer.moved, buffer.changed_by_optimiser),
        "numbers counted by parameters()": sum(p.numel() for p in Holder().parameters()),
        "requires gradient after module.requires_grad_(True)": thawed,
        "frozen after training, then zeros for a gradient and weight decay": _decayed_after_freezing(),
    }
    alike = facts["frozen: saved, moved, changed"] == facts["buffer: saved, moved, changed"]
    return Claim(
        says="4.6 A Parameter with requires_grad=False does the same as a buffer.",
        holds=alike and thawed["frozen"] == thawed["buffer"],
        facts=facts,
        rather="It is saved, moved and, having no gradient, not updated. But it still counts as a parameter: "
        "requires_grad_(True) thaws it with the rest, and one frozen while its .grad holds zeros (not None) goes on "
        "shrinking under weight decay and drifting under momentum.",
    )


def _thaw_in_the_usual_way(module: Holder) -> dict[str, bool]:
    module.requires_grad_(True)
    return {name: getattr(module, name).requires_grad for name in ("frozen", "buffer")}


def _decayed_after_freezing() -> list[float]:
    """Train a weight, zero its gradient without dropping it, freeze it, and step on with weight decay."""
    module = Holder()
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1, weight_decay=1.0)
    module(torch.zeros(3)).sum().backward()
    optimiser.zero_grad(set_to_none=False)
    module.weight.requires_grad_(False)
    optimiser.step()
    return module.weight.tolist()


def only_buffers_have_a_gradient_and_stay() -> Claim:
    """4.7: «a buffer's point is to get a gradient and not be updated, which a Parameter cannot replace»."""
    module = Holder()
    _train_step(module, torch.optim.SGD([module.frozen], lr=0.1))
    weight = module.weight
    left_out = weight.grad is not None and weight.tolist() == [1.0, 1.0, 1.0]
    return Claim(
        says="4.7 The point of a buffer is a gradient without an update, which no Parameter can give.",
        holds=not left_out,
        facts={
            "a Parameter left out of the optimiser: gradient": weight.grad.tolist()
            if weight.grad is not None
            else None,
            "and its value after the step": weight.tolist(),
        },
        rather="A Parameter that the optimiser is not given has a gradient and stays as well. The point of a buffer is "
        "state that is not learned: running statistics, masks, queues, tables, which must be saved and moved with "
        "the model and kept out of parameters().",
    )


CLAIMS: tuple[Callable[[], Claim], ...] = (
    plain_tensors_stay_behind,
    buffers_become_parameters,
    optimisers_update_parameters_only,
    two_lists_reach_everything,
    buffers_get_gradients,
    frozen_parameters_equal_buffers,
    only_buffers_have_a_gradient_and_stay,
)

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


def write_in_a_ring(queue: Tensor, keys: Tensor, batch: int) -> Tensor:
    """A queue as a ring: each batch of keys overwrites the oldest rows."""
    queue = queue.clone()
    pointer = torch.zeros((), dtype=torch.long)
    for start in range(0, len(keys), batch):
        first = int(pointer)
        queue[first : first + batch] = keys[start : start + batch]
        pointer.copy_((pointer + batch) % len(queue))
    return queue
