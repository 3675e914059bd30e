using TorchSharp;

namespace Slick.Runtime;

/// <summary>Takes slices of tensors by their numbers.</summary>
internal static class Rows
{
    /// <summary>
    /// The slices of a dimension with the given numbers, as <c>index_select</c> gives them. The meta device has no such kernel, so there
    /// another operation is used.
    /// </summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="dimension">The dimension, from 0.</param>
    /// <param name="indices">The numbers of the slices, int64 [n].</param>
    public static torch.Tensor Take(this torch.Tensor x, long dimension, torch.Tensor indices)
    {
        if (!x.is_meta) return x.index_select(dimension, indices);
        var index = Enumerable.Repeat(torch.TensorIndex.Colon, (int)dimension).Append(torch.TensorIndex.Tensor(indices)).ToArray();
        return x.index(index);
    }
}
