using Slick.Runtime;
using TorchSharp;

namespace Slick.Tests.Runtime;

public class ComputeTests
{
    [Fact]
    public void CudaWhereThereIsNone_NamesTheBuildProperty()
    {
        NativeLibraries.Load();
        if (torch.cuda.is_available()) Assert.Skip("a CUDA device is here");
        var error = Assert.Throws<SlickException>(() => Compute.Choose("cuda"));
        Assert.Contains("TorchDevice=cuda", error.Message, StringComparison.Ordinal);
        string? said = null;
        Assert.Equal(DeviceType.CPU, Compute.Choose("auto", say: line => said = line).Device.type);
        Assert.Equal("Device: cpu (auto found no CUDA device).", said);
    }

    [Theory]
    [InlineData("gpu", "fp32")]
    [InlineData("cuda:x", "fp32")]
    [InlineData("cpu", "fp8")]
    public void UnknownNames_AreRefused(string device, string dtype) =>
        Assert.Throws<UsageException>(() => Compute.Choose(device, dtype));
}
