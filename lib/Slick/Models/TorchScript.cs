using TorchSharp;
using static TorchSharp.torch;

namespace Slick.Models;

/// <summary>
/// Operations that libtorch has and TorchSharp 0.107 does not offer. They are called through TorchScript. The source is fixed, for an error
/// in it ends the process. A call costs about 4 microseconds on the host.
/// </summary>
internal static class TorchScript
{
    private static readonly Lazy<torch.jit.CompilationUnit> Unit = new(() => torch.jit.compile("""
        def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
            return torch.rms_norm(x, [x.size(-1)], weight, epsilon)

        def unit_rms(x: Tensor, epsilon: float) -> Tensor:
            return torch.rms_norm(x, [x.size(-1)], None, epsilon)

        def causal_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            return torch.scaled_dot_product_attention(query, key, value, None, 0.0, True, scale=None, enable_gqa=True)

        """));

    /// <summary>
    /// RMSNorm over the last dimension (Zhang and Sennrich 2019, arXiv 1910.07467): x / sqrt(mean(x^2) + epsilon), times the weight. On a
    /// GPU that is one launch forward, where the operations one by one are five; and it reads x once.
    /// </summary>
    /// <param name="x">[..., n].</param>
    /// <param name="weight">[n], in the format of <paramref name="x"/>; null for none.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <returns>[..., n].</returns>
    public static Tensor RmsNorm(Tensor x, Tensor? weight, double epsilon) => (Tensor)(weight is null
        ? Unit.Value.invoke("unit_rms", x, epsilon) : Unit.Value.invoke("rms_norm", x, weight, epsilon));

    /// <summary>
    /// Causal attention whose queries share keys in groups (Ainslie et al. 2023, arXiv 2305.13245). The keys are not copied for each query.
    /// </summary>
    /// <param name="query">[B, heads, T, h].</param>
    /// <param name="key">[B, K, T, h], where K divides the number of heads.</param>
    /// <param name="value">[B, K, T, h].</param>
    /// <returns>[B, heads, T, h].</returns>
    public static Tensor CausalAttention(Tensor query, Tensor key, Tensor value) =>
        (Tensor)Unit.Value.invoke("causal_attention", query, key, value);
}
