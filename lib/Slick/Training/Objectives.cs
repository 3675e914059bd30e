using Slick.Models;
using Slick.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Training;

/// <summary>What training makes smaller.</summary>
internal interface IObjective
{
    /// <summary>The objective of a piece, added up over its scored tokens; a step follows the mean over its batch's tokens.</summary>
    /// <param name="logits">fp32 [scored, V].</param>
    /// <param name="piece">The piece.</param>
    /// <returns>The objective []; the loss of the fine-tuning set's own answers [], which an epoch reports.</returns>
    (Tensor Objective, Tensor Loss) Of(Tensor logits, PieceTensors piece);
}

/// <summary>The answers' loss: -log p of each token of an answer and its end (paper, section 4).</summary>
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
/// Another objective, and the divergence of the model from the base model at the same tokens, KL(base, model) over the whole vocabulary:
/// what the base model would say stays probable (as in Li and Hoiem 2016, arXiv 1606.09282). Its gradient in the logits is
/// weight (softmax(logits) - softmax(base logits)). It costs a pass of the base model forward and three tensors [scored, V].
/// </summary>
/// <param name="objective">The other objective.</param>
/// <param name="original">The base model.</param>
/// <param name="weight">Nats of the loss that a nat of divergence counts as.</param>
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
