using System.Runtime.InteropServices;

namespace Slick.Runtime;

/// <summary>
/// Asks NVIDIA's driver what TorchSharp 0.107 cannot tell. The driver's library is looked for when it is asked; where it is missing or
/// refuses, the answer is null.
/// </summary>
internal static unsafe class CudaDriver
{
    /// <summary>
    /// The free memory of a device, in bytes (cuMemGetInfo of the CUDA driver's interface). What torch has reserved and does not use counts
    /// as taken.
    /// </summary>
    /// <param name="index">The device's number, as torch counts devices.</param>
    public static long? FreeMemory(int index)
    {
        if (!NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda" : "libcuda.so.1", out var library)) return null;
        nint At(string name) => NativeLibrary.TryGetExport(library, name, out var address) ? address : 0;
        var initialise = (delegate* unmanaged<uint, int>)At("cuInit");
        var find = (delegate* unmanaged<int*, int, int>)At("cuDeviceGet");
        var retain = (delegate* unmanaged<nint*, int, int>)At("cuDevicePrimaryCtxRetain");
        var release = (delegate* unmanaged<int, int>)At("cuDevicePrimaryCtxRelease_v2");
        var push = (delegate* unmanaged<nint, int>)At("cuCtxPushCurrent_v2");
        var pop = (delegate* unmanaged<nint*, int>)At("cuCtxPopCurrent_v2");
        var memory = (delegate* unmanaged<nuint*, nuint*, int>)At("cuMemGetInfo_v2");
        if (initialise is null || find is null || retain is null || release is null || push is null || pop is null || memory is null)
            return null;
        int device;
        nint context;
        if (initialise(0) != 0 || find(&device, index) != 0 || retain(&context, device) != 0) return null;
        try
        {
            if (push(context) != 0) return null;
            nuint free, total;
            var told = memory(&free, &total) == 0;
            nint popped;
            _ = pop(&popped);
            return told ? (long)free : null;
        }
        finally
        {
            _ = release(device);
        }
    }
}
