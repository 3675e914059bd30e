using System.Globalization;
using System.Runtime.Intrinsics.X86;
using TorchSharp;

namespace Slick.Runtime;

/// <summary>
/// The kind of device and the number format that a result was computed with. They are part of the result's identity, since another device
/// or format rounds in another way.
/// </summary>
/// <param name="Device">cpu or cuda.</param>
/// <param name="NumberFormat">fp32 or bf16.</param>
public sealed record Platform(string Device, string NumberFormat)
{
    /// <summary>True for a GPU.</summary>
    public bool IsGpu => Device != "cpu";
}

/// <summary>The device that tensors are on, and the number format that models use. Both are chosen once, at the start.</summary>
/// <param name="Device">The CPU or one CUDA device.</param>
/// <param name="DType">The number format of weights and activations.</param>
public sealed record Compute(torch.Device Device, torch.ScalarType DType)
{
    /// <summary>The memory that a forward pass may take beside the weights, in bytes; null for what fits the device. It is no part of a
    /// result's identity.</summary>
    public long? Memory { get; init; }

    /// <summary>The part of this choice that belongs to a result's identity: the kind of device and the number format.</summary>
    public Platform Platform => new(Device.type == DeviceType.CUDA ? "cuda" : "cpu", DType == torch.ScalarType.BFloat16 ? "bf16" : "fp32");

    /// <summary>
    /// Chooses the device and the number format, and loads libtorch. On a CUDA device, products of fp32 numbers stay in fp32 (no TF32), and
    /// torch is asked for operations that give the same bits each time on one card with one libtorch. Where torch has no such operation, it
    /// warns on the error stream and goes on. On the CPU nothing is set.
    /// </summary>
    /// <param name="device">auto (CUDA where there is a device, else the CPU), cpu, cuda or cuda:n. For the lab's models auto has a rule of
    /// its own (<c>LabDevice</c>).</param>
    /// <param name="dtype">fp32 or bf16.</param>
    /// <param name="say">Called with a line that says what auto chose; null for nobody.</param>
    /// <exception cref="UsageException">The device or the number format has an unknown name.</exception>
    /// <exception cref="SlickException">There is no such device here.</exception>
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
        var count = Gpus();
        if (device == "auto")
        {
            say?.Invoke(count > 0 ? "Device: cuda:0 (auto: a GPU is here)." : "Device: cpu (auto found no CUDA device).");
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

    /// <summary>True where libtorch finds a CUDA device.</summary>
    public static bool HasGpu
    {
        get
        {
            NativeLibraries.Load();
            return Gpus() > 0;
        }
    }

    private static int Gpus() => torch.cuda.is_available() ? torch.cuda.device_count() : 0;

    /// <summary>
    /// Waits until a device has finished its work. A GPU works on after a call has returned, so a clock that is read without this wait
    /// measures only how fast work is queued. On other devices there is nothing to wait for.
    /// </summary>
    /// <param name="device">The device.</param>
    internal static void Finish(torch.Device device)
    {
        if (device.type == DeviceType.CUDA) torch.cuda.synchronize(device);
    }

    /// <summary>
    /// True where this processor multiplies matrices in bf16 (AVX512-BF16 or AMX); null where that cannot be told, because it is no x86.
    /// </summary>
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
    /// Sets how many threads libtorch's operations use when they are called from this thread. Where work runs side by side, each piece uses
    /// one thread. Results then do not depend on the number of cores.
    /// </summary>
    /// <param name="n">Number of threads, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public static void UseThreads(int n)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        NativeLibraries.Load();
        torch.set_num_threads(n);
    }
}
