using TorchSharp;

namespace Slick.Runtime;

/// <summary>
/// The one way in which numbers leave the device. Each transfer makes the host wait for all that was queued before it,
/// so they are counted: a loop over small transfers shows in a test on the CPU already.
/// </summary>
internal static class HostTransfer
{
    [ThreadStatic]
    private static long _count;

    /// <summary>Transfers that the calling thread has made so far.</summary>
    public static long Count => _count;

    /// <summary>A tensor's values in row-major order.</summary>
    public static T[] Read<T>(torch.Tensor tensor) where T : unmanaged
    {
        _count++;
        using var detached = tensor.detach();
        using var host = detached.cpu();
        using var values = host.contiguous();
        return values.data<T>().ToArray();
    }
}
