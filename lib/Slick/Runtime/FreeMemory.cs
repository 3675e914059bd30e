using System.Globalization;
using TorchSharp;

namespace Slick.Runtime;

/// <summary>Tells how much memory further work can take.</summary>
internal static class FreeMemory
{
    /// <summary>
    /// The bytes that are free for this process, as far as the system tells. On Linux this is what the kernel calls available, and no more
    /// than the process's container leaves it.
    /// </summary>
    /// <param name="device">The device of the work.</param>
    /// <returns>Bytes; null where nothing tells.</returns>
    public static long? On(torch.Device device)
    {
        if (device.type == DeviceType.CUDA) return CudaDriver.FreeMemory(Math.Max(0, device.index));
        if (device.type != DeviceType.CPU) return null;
        var memory = GC.GetGCMemoryInfo();
        var limit = memory.TotalAvailableMemoryBytes; // of the container, or of the machine
        var available = Available();
        if (available is null) return memory.MemoryLoadBytes > 0 ? Math.Max(0, limit - memory.MemoryLoadBytes) : null;
        return Math.Max(0, Math.Min(available.Value, limit - Environment.WorkingSet));
    }

    private static long? Available()
    {
        if (!OperatingSystem.IsLinux()) return null;
        try
        {
            const string Key = "MemAvailable:";
            foreach (var line in File.ReadLines("/proc/meminfo"))
                if (line.StartsWith(Key, StringComparison.Ordinal)
                    && long.TryParse(line.AsSpan(Key.Length).Trim().TrimEnd("kB"), NumberStyles.AllowTrailingWhite,
                        CultureInfo.InvariantCulture, out var kibibytes)) return kibibytes << 10;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
        return null;
    }
}

/// <summary>Turns a failure to get memory into an error of one sentence.</summary>
internal static class MemoryFailure
{
    /// <summary>In place of a record of options: the passes of answers, whose size is no option of a result.</summary>
    public const string OfPasses = "passes";

    /// <summary>Does some work. Where torch or .NET cannot get memory for the work, the error says so in one sentence.</summary>
    /// <param name="work">The work.</param>
    /// <param name="what">What is done, with which the sentence begins.</param>
    /// <param name="options">Name of the record of options that would make the work smaller.</param>
    /// <exception cref="SlickException">The memory does not suffice.</exception>
    public static void Guard(Action work, string what, string options) => Guard(() =>
    {
        work();
        return true;
    }, what, options);

    /// <summary>
    /// Does some work that returns a value. Where torch or .NET cannot get memory for the work, the error says so in one sentence.
    /// </summary>
    /// <typeparam name="T">The value's type.</typeparam>
    /// <param name="work">The work.</param>
    /// <param name="what">What is done, with which the sentence begins.</param>
    /// <param name="options">Name of the record of options that would make the work smaller.</param>
    /// <returns>The work's value.</returns>
    /// <exception cref="SlickException">The memory does not suffice.</exception>
    public static T Guard<T>(Func<T> work, string what, string options)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (Is(e))
        {
            throw new SlickException($"{what} needs more memory than there is; {Cure(options)}.", e);
        }
    }

    /// <summary>What the user can do, as the end of an error's sentence.</summary>
    public static string Cure(string options) => options == OfPasses
        ? "give less memory to its passes, such as --memory 500M, or use a machine with more memory"
        : options == "preTraining" ? "lower preTraining.batchRows or preTraining.hiddenSize, or use a machine with more memory"
        : $"set {options}.pieceExamples to a part of {options}.batchExamples, {options}.recompute to true or {options}.lora.rank to 8, or "
            + "use a machine with more memory";

    // TorchSharp passes torch's errors on as an exception with their text.
    /// <summary>True for an error that says that memory does not suffice.</summary>
    internal static bool Is(Exception e) => e is OutOfMemoryException
        || e is System.Runtime.InteropServices.ExternalException
            && (e.Message.Contains("allocate memory", StringComparison.OrdinalIgnoreCase)
                || e.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase)
                || e.Message.Contains("not enough memory", StringComparison.OrdinalIgnoreCase));
}
