using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Sampling;

/// <summary>
/// What a sample's next token is drawn from (paper, section 3: T = 0.5, top-k 40): the softmax of logits / T over the tokens
/// whose logit is at least the k-th largest, and 0 for all others. All tokens that tie with the k-th are kept, as
/// <c>generate</c> of Hugging Face transformers keeps them: so the distribution follows from the logits alone, and not from
/// the order in which a device sorts equal ones. Letters: R rows, V vocabulary, k as in <see cref="SamplingOptions.TopK"/>.
/// </summary>
internal sealed class TopTokens
{
    private readonly Tensor logits;      // [R, V]
    private readonly Tensor values, ids; // [R, k], the largest first
    private readonly Tensor best, edge;  // [R, 1]: the largest and the k-th largest
    private readonly Tensor total;       // [R, 1]: sum of the weights exp((logit - best) / T) of all tokens that are kept
    private readonly Scalar inverse;     // 1 / T

    /// <summary>The distributions of rows; the tensors belong to the caller's dispose scope.</summary>
    /// <param name="logits">[R, V] in fp32.</param>
    /// <param name="options">T and k.</param>
    public TopTokens(Tensor logits, SamplingOptions options)
    {
        this.logits = logits;
        inverse = Scalars.Of(1 / options.Temperature);
        (values, ids) = logits.topk((int)Math.Min(options.TopK, logits.size(-1)), -1);
        (best, edge) = (values.narrow(1, 0, 1), values.narrow(1, values.size(1) - 1, 1));
        using var scope = NewDisposeScope();
        var ties = logits.eq(edge).sum([-1L], keepdim: true, type: ScalarType.Float32);
        var counted = values.eq(edge).sum([-1L], keepdim: true, type: ScalarType.Float32);
        total = Weights(values).sum([-1L], keepdim: true).add_(ties.add(counted, Scalars.Of(-1L)).mul_(Weights(edge)), Scalars.One).MoveToOuterDisposeScope();
    }

    private Tensor Weights(Tensor of) => of.add(best, Scalars.Of(-1L)).mul_(inverse).exp_();

    /// <summary>The probabilities of tokens by their logits: [R, n] to [R, n].</summary>
    public Tensor Probability(Tensor of) => Weights(of).div_(total).mul_(of.ge(edge));

    /// <summary>Draws tokens. The order along the unit interval is by logit, the largest first, and among equal logits by id.</summary>
    /// <param name="uniform">[R, n] in [0, 1).</param>
    /// <returns>int64 [R, n].</returns>
    public Tensor Draw(Tensor uniform)
    {
        using var scope = NewDisposeScope();
        var (sorted, byId) = ids.sort(-1);
        var (ordered, byValue) = values.gather(1, byId).sort(-1, descending: true, stable: true);
        var tokens = sorted.gather(1, byValue);
        var shares = Weights(ordered).div_(total);
        var cumulative = shares.cumsum(-1);
        var place = searchsorted(cumulative, uniform, right: true);
        // Those that tie with the k-th, by their rank among all of the vocabulary.
        var above = values.gt(edge).sum([-1L], keepdim: true);                                    // [R, 1]
        var before = cat([zeros_like(best), cumulative], 1).gather(1, above);                      // [R, 1]
        var ranks = logits.eq(edge).cumsum(-1, ScalarType.Int32);                                  // [R, V]
        var last = ranks.narrow(1, ranks.size(1) - 1, 1).add(Scalars.One, Scalars.Of(-1L));        // [R, 1]
        var share = shares.narrow(1, shares.size(1) - 1, 1).clamp_min(Scalars.Of(1e-30));
        var rank = uniform.add(before, Scalars.Of(-1L)).div_(share).floor_().clamp_min_(Scalars.Of(0L)).minimum(last).to(ScalarType.Int32);
        var tied = searchsorted(ranks, rank.add_(Scalars.One, Scalars.One));
        return where(place.lt(above), tokens.gather(1, place.clamp_max(Scalars.Of(values.size(1) - 1))), tied).MoveToOuterDisposeScope();
    }
}
