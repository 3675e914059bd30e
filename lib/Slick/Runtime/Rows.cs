using TorchSharp;

namespace Slick.Runtime;

/// <summary>Rows of tensors by their numbers.</summary>
internal static class Rows
{
    /// <summary>Slices of a dimension: <c>index_select</c>, and its like on the meta device, which has no such kernel.</summary>
    /// <param name="x">Any tensor.</param>
    /// <param name="dimension">The dimension.</param>
    /// <param name="indices">int64 [n].</param>
    public static torch.Tensor Take(this torch.Tensor x, long dimension, torch.Tensor indices)
    {
        if (!x.is_meta) return x.index_select(dimension, indices);
        var index = Enumerable.Repeat(torch.TensorIndex.Colon, (int)dimension).Append(torch.TensorIndex.Tensor(indices)).ToArray();
        return x.index(index);
    }
}
