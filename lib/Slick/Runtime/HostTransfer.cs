using TorchSharp;

namespace Slick.Runtime;

/// <summary>
/// The one way in which numbers leave the device. Each transfer makes the host wait for all work that was queued before. So transfers are
/// counted, and a test on the CPU finds a loop over small transfers.
/// </summary>
internal static class HostTransfer
{
    [ThreadStatic]
    private static long _count;

    /// <summary>Number of transfers that the calling thread has made so far.</summary>
    public static long Count => _count;

    /// <summary>A tensor's values on the host, in row-major order.</summary>
    /// <typeparam name="T">The type of the tensor's elements.</typeparam>
    /// <param name="tensor">The tensor.</param>
    public static T[] Read<T>(torch.Tensor tensor) where T : unmanaged
    {
        _count++;
        using var detached = tensor.detach();
        using var host = detached.cpu();
        using var values = host.contiguous();
        return values.data<T>().ToArray();
    }
}
