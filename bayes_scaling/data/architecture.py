"""Parameters and FLOPs of a transformer, counted from its architecture.

Two conventions are in use, and laws fitted under one do not carry over to the other: Kaplan et al. 2020 leave
embeddings out (N = 12 l d^2), Hoffmann et al. 2022 count everything. Biases and norms, a few in ten thousand,
are in neither.
"""

from dataclasses import dataclass

from bayes_scaling.errors import InputError


@dataclass(frozen=True)
class Architecture:
    """A decoder-only transformer, dense or with a mixture of experts in every layer.

    Attributes
    ----------
    layers, width, heads, vocabulary, context : int
        l, d, the query heads, the tokens of the vocabulary, and the training context in tokens.
    head_width : int, optional
        Of one head; width / heads unless given.
    kv_heads : int, optional
        Key and value heads: fewer than ``heads`` for grouped queries, 1 for a single group. Default: heads.
    ff_ratio : float
        Width of the feed-forward layer over d; of each expert where there are several.
    gated : bool
        Three feed-forward matrices (SwiGLU and kin) instead of two.
    experts, active_experts : int
        Of each layer, and of these the ones that a token passes through.
    shared_experts : int
        Further experts that every token passes through.
    tied : bool
        Whether input embedding and output layer are one matrix.
    learned_positions : bool
        Whether each position of the context has an embedding of its own.
    """

    layers: int
    width: int
    heads: int
    vocabulary: int
    context: int
    head_width: int | None = None
    kv_heads: int | None = None
    ff_ratio: float = 4.0
    gated: bool = False
    experts: int = 1
    active_experts: int = 1
    shared_experts: int = 0
    tied: bool = True
    learned_positions: bool = False

    def __post_init__(self) -> None:
        for name in [
            "layers",
            "width",
            "heads",
            "vocabulary",
            "context",
            "ff_ratio",
            "experts",
            "active_experts",
        ]:
            if not getattr(self, name) > 0:
                raise InputError(f"{name} of an architecture must be positive, not {getattr(self, name)!r}")
        if self.active_experts > self.experts:
            raise InputError(
                f"{self.active_experts} active experts of {self.experts}: there cannot be more active than there are"
            )
        if self.head_width is None and self.width % self.heads:
            raise InputError(
                f"width {self.width} is no multiple of {self.heads} heads; give head_width where it is meant so"
            )
        if self.heads % (self.kv_heads or self.heads):
            raise InputError(f"{self.heads} heads cannot share {self.kv_heads} key and value heads evenly")

    @property
    def _queries(self) -> int:
        """Width of all query heads together."""
        return self.heads * (self.head_width or self.width // self.heads)

    @property
    def _keys(self) -> int:
        """Width of all key heads together, and of all value heads."""
        return self._queries // self.heads * (self.kv_heads or self.heads)

    @property
    def attention_params(self) -> int:
        """Of one layer: queries, keys, values and the output projection."""
        return self.width * (2 * self._queries + 2 * self._keys)

    @property
    def expert_params(self) -> int:
        """Of one feed-forward block (one expert of one layer)."""
        return (3 if self.gated else 2) * self.width * round(self.ff_ratio * self.width)

    @property
    def router_params(self) -> int:
        """Of one layer: what chooses the experts."""
        return self.width * self.experts if self.experts > 1 else 0

    def _non_embedding(self, experts: int) -> int:
        feed_forward = (experts + self.shared_experts) * self.expert_params
        return self.layers * (self.attention_params + self.router_params + feed_forward)

    @property
    def non_embedding_params(self) -> int:
        """N of Kaplan et al. 2020: all but embeddings and the output layer; 12 l d^2 by default."""
        return self._non_embedding(self.experts)

    @property
    def active_non_embedding_params(self) -> int:
        """Those of them that one token passes through."""
        return self._non_embedding(self.active_experts)

    @property
    def embedding_params(self) -> int:
        """Of the input embedding, the output layer and learned positions."""
        tables = (1 if self.tied else 2) * self.vocabulary
        return self.width * (tables + (self.context if self.learned_positions else 0))

    @property
    def params(self) -> int:
        """N of Hoffmann et al. 2022: everything."""
        return self.non_embedding_params + self.embedding_params

    @property
    def active_params(self) -> int:
        """Everything that one token passes through; `params` for a dense model."""
        return self.active_non_embedding_params + self.embedding_params

    @property
    def sparsity(self) -> float:
        """Share of the experts that a token does not pass through; 0 for a dense model."""
        return 1 - self.active_experts / self.experts

    @property
    def forward_flops(self) -> float:
        """FLOPs of one token's forward pass: 2 N_active, 2 l n_context d of attention (Kaplan et al. 2020, table 1)."""
        attention = 2 * self.layers * self.context * self._queries
        return 2.0 * self.active_non_embedding_params + attention

    @property
    def exact_forward_flops(self) -> float:
        """The same, counted matrix by matrix as in Hoffmann et al. 2022, appendix F.

        Embedding and output layer are counted as matrix products, and scores over the whole context: those that
        the causal mask hides are computed too.
        """
        scores = self.context * (2 * self._queries + 3 * self.heads + 2 * self._queries)
        embedding_and_logits = 4 * self.vocabulary * self.width
        return 2.0 * self.active_non_embedding_params + self.layers * scores + embedding_and_logits

    def training_flops(self, tokens: float, *, exact: bool = True) -> float:
        """FLOPs to train on so many tokens; the backward pass takes twice the forward pass.

        By `exact_forward_flops`, or else by `forward_flops`; C = 6ND is `bayes_scaling.data.units.training_flops`.
        """
        return 3.0 * tokens * (self.exact_forward_flops if exact else self.forward_flops)
