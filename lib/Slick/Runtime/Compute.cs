using System.Globalization;
using System.Runtime.Intrinsics.X86;
using TorchSharp;

namespace Slick.Runtime;

/// <summary>On what a result was computed: part of its identity, since another kind of device or number format rounds otherwise.</summary>
/// <param name="Device">cpu or cuda.</param>
/// <param name="NumberFormat">fp32 or bf16.</param>
public sealed record Platform(string Device, string NumberFormat)
{
    /// <summary>True for a GPU.</summary>
    public bool IsGpu => Device != "cpu";
}

/// <summary>Where tensors live and which number format models use; chosen once, at the start.</summary>
/// <param name="Device">The CPU or one CUDA device.</param>
/// <param name="DType">The format of weights and activations.</param>
public sealed record Compute(torch.Device Device, torch.ScalarType DType)
{
    /// <summary>What of it is part of a result's identity.</summary>
    public Platform Platform => new(Device.type == DeviceType.CUDA ? "cuda" : "cpu", DType == torch.ScalarType.BFloat16 ? "bf16" : "fp32");

    /// <summary>
    /// Chooses the device and number format, and loads libtorch. Where a CUDA device is chosen, products of fp32 numbers stay in
    /// fp32 (no TF32), and operations are asked for in the form that gives the same bits each time on one card with one libtorch; where
    /// torch has none, it warns
    /// on the error stream and goes on. On the CPU nothing is set.
    /// </summary>
    /// <param name="device">auto (CUDA where there is one, else the CPU), cpu, cuda or cuda:n.</param>
    /// <param name="dtype">fp32 or bf16.</param>
    /// <param name="say">Is told what auto chose.</param>
    /// <exception cref="SlickException">An unknown name, or a device that is not there.</exception>
    public static Compute Choose(string device = "auto", string dtype = "fp32", Action<string>? say = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        var format = dtype switch
        {
            "fp32" => torch.ScalarType.Float32,
            "bf16" => torch.ScalarType.BFloat16,
            _ => throw new UsageException($"The number format '{dtype}' is unknown: use fp32 or bf16."),
        };
        var index = 0;
        if (device is not ("auto" or "cpu" or "cuda")
            && !(device.StartsWith("cuda:", StringComparison.Ordinal)
                && int.TryParse(device.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out index)))
            throw new UsageException($"The device '{device}' is unknown: use auto, cpu, cuda or cuda:n.");
        NativeLibraries.Load();
        if (device == "cpu") return new Compute(torch.CPU, format);
        var count = torch.cuda.is_available() ? torch.cuda.device_count() : 0;
        if (device == "auto")
        {
            say?.Invoke(count > 0 ? "Device: cuda:0 (chosen by auto)." : "Device: cpu (auto found no CUDA device).");
            if (count == 0) return new Compute(torch.CPU, format);
        }
        else if (index >= count)
        {
            throw new SlickException(
                $"The device '{device}' is not here ({count} CUDA devices found): build with -p:TorchDevice=cuda on a machine with an "
                + $"NVIDIA GPU, or use cpu.");
        }
        if (!Repeatable.Ask())
            say?.Invoke("This build of libtorch cannot be asked for repeatable operations: the last digits may differ from run to run.");
        return new Compute(new torch.Device(DeviceType.CUDA, index), format);
    }

    /// <summary>
    /// Waits until a device has done what it was asked for: a GPU works on after a call has returned, and a clock that is read
    /// then has measured how fast work is asked for. On other devices there is nothing to wait for.
    /// </summary>
    internal static void Finish(torch.Device device)
    {
        if (device.type == DeviceType.CUDA) torch.cuda.synchronize(device);
    }

    /// <summary>Whether this processor multiplies matrices in bf16 (AVX512-BF16 or AMX); null where that cannot be told (no x86).</summary>
    public static bool? HasBf16Products
    {
        get
        {
            if (!X86Base.IsSupported || X86Base.CpuId(0, 0).Eax < 7) return null;
            var (most, _, _, features) = X86Base.CpuId(7, 0);
            return (features >> 22 & 1) == 1 || (most >= 1 && (X86Base.CpuId(7, 1).Eax >> 5 & 1) == 1);
        }
    }

    /// <summary>
    /// Sets how many threads libtorch's operations use when called from this thread. Work that runs side by side takes
    /// one each; results then do not depend on the number of cores.
    /// </summary>
    public static void UseThreads(int n)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        NativeLibraries.Load();
        torch.set_num_threads(n);
    }
}
