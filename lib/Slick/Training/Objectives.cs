using Slick.Models;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Training;

/// <summary>An objective: the number that training makes smaller.</summary>
internal interface IObjective
{
    /// <summary>The objective of a piece of a batch, summed over the piece's scored tokens. (An optimiser step follows the mean over its
    /// batch's tokens.)</summary>
    /// <param name="logits">Logits at the scored tokens, fp32 [scored, V].</param>
    /// <param name="piece">The piece.</param>
    /// <returns>Objective: the sum, []. Loss: the sum of -log p over the fine-tuning set's own answers, [], which an epoch
    /// reports.</returns>
    (Tensor Objective, Tensor Loss) Of(Tensor logits, PieceTensors piece);
}

/// <summary>The loss of the answers: -log p, in nats, of each token of an answer and its end (paper, section 4).</summary>
internal sealed class AnswerLoss : IObjective
{
    /// <inheritdoc />
    public (Tensor Objective, Tensor Loss) Of(Tensor logits, PieceTensors piece)
    {
        if (piece.Own == piece.Targets.size(0))
        {
            var sum = nn.functional.cross_entropy(logits, piece.Targets, reduction: nn.Reduction.Sum);
            return (sum, sum);
        }
        var losses = nn.functional.cross_entropy(logits, piece.Targets, reduction: nn.Reduction.None);
        return (losses.sum(), losses.narrow(0, 0, piece.Own).sum());
    }
}

/// <summary>
/// Another objective plus a multiple of the divergence of the model from the base model, KL(base, model) over the whole vocabulary at the
/// same tokens. The divergence keeps probable what the base model would say (as in Li and Hoiem 2016, arXiv 1606.09282). Its gradient in
/// the logits is weight (softmax(logits) - softmax(base logits)). It costs a forward pass of the base model and three tensors [scored, V].
/// </summary>
/// <param name="objective">The other objective.</param>
/// <param name="original">The base model.</param>
/// <param name="weight">Factor of the divergence: a nat of divergence counts as this many nats of loss.</param>
internal sealed class WithDivergence(IObjective objective, Decoder original, double weight) : IObjective
{
    /// <inheritdoc />
    public (Tensor Objective, Tensor Loss) Of(Tensor logits, PieceTensors piece)
    {
        Tensor before;
        using (no_grad())
            before = original.Logits(piece.Scored(original.Forward(piece.Ids, ragged: piece.Ragged).Hidden)).to(ScalarType.Float32)
                .log_softmax(-1);
        var (value, loss) = objective.Of(logits, piece);
        var divergence = (before.exp() * before.add(logits.log_softmax(-1), Scalars.Of(-1L))).sum();
        return (value.add(divergence, Scalars.Of(weight)), loss);
    }
}
