using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Answers;

/// <summary>
/// The distribution from which a sample's next token is drawn (paper, appendix C: T = 0.5, top-k 40): the softmax of logits / T over the
/// tokens whose logit is at least the k-th largest, and 0 for all other tokens. All tokens that tie with the k-th are kept, as
/// <c>generate</c> of Hugging Face transformers keeps them. So the distribution follows from the logits alone, and not from the order in
/// which a device sorts equal logits. Letters: R rows, V vocabulary, k as in <see cref="SamplingOptions.TopK"/>.
/// </summary>
internal sealed class TopTokens
{
    private readonly Tensor logits;      // [R, V]
    private readonly Tensor values, ids; // [R, k], the largest first
    private readonly Tensor best, edge;  // [R, 1]: the largest logit and the k-th largest
    private readonly Tensor total;       // [R, 1]: sum of the weights exp((logit - best) / T) of all tokens that are kept
    private readonly Scalar inverse;     // 1 / T

    /// <summary>int64 [1]: 1 where in some row more tokens tie with the k-th token than are among the k, else 0.</summary>
    public Tensor HasTies { get; }

    /// <summary>Prepares the distributions of all rows. The tensors belong to the caller's dispose scope.</summary>
    /// <param name="logits">The next token's logits: [R, V] in fp32.</param>
    /// <param name="options">Temperature and top-k.</param>
    public TopTokens(Tensor logits, SamplingOptions options)
    {
        this.logits = logits;
        inverse = Scalars.Of(1 / options.Temperature);
        (values, ids) = logits.topk((int)Math.Min(options.TopK, logits.size(-1)), -1);
        (best, edge) = (values.narrow(1, 0, 1), values.narrow(1, values.size(1) - 1, 1));
        using var scope = NewDisposeScope();
        var ties = logits.eq(edge).sum([-1L], keepdim: true, type: ScalarType.Float32);
        var counted = values.eq(edge).sum([-1L], keepdim: true, type: ScalarType.Float32);
        HasTies = ties.gt(counted).any().to(ScalarType.Int64).view(1).MoveToOuterDisposeScope();
        total = Weights(values).sum([-1L], keepdim: true).add_(ties.add(counted, Scalars.Of(-1L)).mul_(Weights(edge)), Scalars.One)
            .MoveToOuterDisposeScope();
    }

    private Tensor Weights(Tensor of) => of.add(best, Scalars.Of(-1L)).mul_(inverse).exp_();

    /// <summary>The probabilities of tokens from their logits.</summary>
    /// <param name="of">The tokens' logits: [R, n].</param>
    /// <returns>[R, n].</returns>
    public Tensor Probability(Tensor of) => Weights(of).div_(total).mul_(of.ge(edge));

    /// <summary>
    /// Draws tokens from the k tokens alone. The order along the unit interval is by logit, the largest first, and among equal logits by
    /// token id. The draw is right where no token outside the k ties with the k-th (<see cref="HasTies"/>).
    /// </summary>
    /// <param name="uniform">Random numbers: [R, n] in [0, 1), of 24 binary digits.</param>
    /// <returns>Token ids: int64 [R, n].</returns>
    public Tensor Draw(Tensor uniform)
    {
        using var scope = NewDisposeScope();
        var (tokens, place, _, _) = Places(uniform);
        return tokens.gather(1, place.clamp_max(Scalars.Of(values.size(1) - 1))).MoveToOuterDisposeScope();
    }

    /// <summary>Draws tokens as <see cref="Draw"/> does, and is right with any ties. Cost: two more passes over [R, V].</summary>
    /// <param name="uniform">Random numbers: [R, n] in [0, 1), of 24 binary digits.</param>
    /// <returns>Token ids: int64 [R, n].</returns>
    public Tensor DrawAmongTies(Tensor uniform)
    {
        using var scope = NewDisposeScope();
        var (tokens, place, shares, cumulative) = Places(uniform);
        // The tokens that tie with the k-th are counted among all of the vocabulary, and chosen by their rank there.
        var above = values.gt(edge).sum([-1L], keepdim: true);                                    // [R, 1]
        var before = cat([zeros_like(cumulative.narrow(1, 0, 1)), cumulative], 1).gather(1, above).to(ScalarType.Float32)
            .mul_(Scalars.Of(1 / Whole));
        var ranks = logits.eq(edge).cumsum(-1, ScalarType.Int32);                                  // [R, V]
        var last = ranks.narrow(1, ranks.size(1) - 1, 1).add(Scalars.One, Scalars.Of(-1L));        // [R, 1]
        var share = shares.narrow(1, shares.size(1) - 1, 1).clamp_min(Scalars.Of(1e-30));
        var rank = uniform.add(before, Scalars.Of(-1L)).div_(share).floor_().clamp_min_(Scalars.Of(0L)).minimum(last).to(ScalarType.Int32);
        var tied = searchsorted(ranks, rank.add_(Scalars.One, Scalars.One));
        return where(place.lt(above), tokens.gather(1, place.clamp_max(Scalars.Of(values.size(1) - 1))), tied).MoveToOuterDisposeScope();
    }

    private const double Whole = 1L << 40;

    // Tokens: the k tokens in order, [R, k]. Place: the place of each random number among them, [R, n]. Shares: the tokens' probabilities.
    // Cumulative: the sums of the shares as whole numbers of 2^-40, [R, k]. Sums of whole numbers are the same in any order, on every
    // device.
    private (Tensor Tokens, Tensor Place, Tensor Shares, Tensor Cumulative) Places(Tensor uniform)
    {
        var (sorted, byId) = ids.sort(-1);
        var (ordered, byValue) = values.gather(1, byId).sort(-1, descending: true, stable: true);
        var shares = Weights(ordered).div_(total);
        var cumulative = shares.mul(Scalars.Of(Whole)).to(ScalarType.Int64).cumsum(-1);
        var place = searchsorted(cumulative, uniform.mul(Scalars.Of(Whole)).to(ScalarType.Int64), right: true);
        return (sorted.gather(1, byValue), place, shares, cumulative);
    }
}
