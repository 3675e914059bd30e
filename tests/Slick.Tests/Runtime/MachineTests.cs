using Slick.Runtime;

namespace Slick.Tests.Runtime;

/// <summary>Seconds of a pass on a machine.</summary>
public sealed class MachineTests
{
    private static readonly Machine Card = new("card", "card", 80L << 30, Fp32: 7e12, Bf16: 70e12, Bandwidth: 1e12);
    private static readonly Machine Cpu = Card with { IsGpu = false, HalfRows = 50 };

    private static MachineWork Work(double flop = 0, double rowFlop = 0, double weights = 0, double moved = 0, double starts = 0,
        double host = 0, double count = 1) => new([new(count, 1, 1, flop, rowFlop, weights, moved, starts)], host, 0);

    [Fact]
    public void ProductsAreBoundByOperationsOrByReading_AndTheRestIsAdded()
    {
        // s is 0.7 on a card: 4.9e12 FLOP a second.
        Assert.Equal(2, Card.Seconds(Work(flop: 9.8e12, weights: 1e12), 4), 1e-9);
        Assert.Equal(0.2, Card.Seconds(Work(flop: 9.8e12), 2), 1e-9);
        Assert.Equal(3, Card.Seconds(Work(flop: 9.8e12, weights: 3e12), 4), 1e-9);
        Assert.Equal(2.5, Card.Seconds(Work(flop: 9.8e12, moved: 0.5e12), 4), 1e-9);
        Assert.Equal(7.5, Card.Seconds(Work(flop: 9.8e12, moved: 0.5e12, count: 3), 4), 1e-9);
        Assert.Equal(64 / 4.9, Card.Seconds(Work(rowFlop: 1e12), 4), 1e-9); // h is 64
    }

    [Fact]
    public void ACardStartsWhileItWorks_ACpuDoesNot_AndTheHostIsAdded()
    {
        var starts = Card.Seconds(Work(starts: 1e6), 4);
        Assert.Equal(10, starts, 1e-9);
        Assert.Equal(Math.Max(2, starts), Card.Seconds(Work(flop: 9.8e12, starts: 1e6), 4), 1e-9);
        Assert.Equal(Cpu.Seconds(Work(flop: 9.8e12), 4) + Cpu.Seconds(Work(starts: 1e6), 4),
            Cpu.Seconds(Work(flop: 9.8e12, starts: 1e6), 4), 1e-9);
        Assert.Equal(11, Card.Seconds(Work(starts: 1e6, host: 1), 4), 1e-9);
    }

    [Fact]
    public void Cards_AreFoundByTheirNameInAnyCase()
    {
        Assert.Equal("H100", Machine.Find("H100")!.Title);
        Assert.Null(Machine.Find("h1000"));
        Assert.Null(Machine.Find(Machine.Here));
        Assert.Equal(Machine.Cards.Count, Machine.Cards.Select(c => c.Name).Distinct().Count());
        Assert.All(Machine.Cards, c => Assert.True(c.IsGpu && c.Bf16 > c.Fp32 && c.Usable < c.Memory));
    }

    [Fact]
    public void ThisMachine_IsMeasured()
    {
        var here = MachineMeasurement.Here();
        Assert.False(here.IsGpu);
        Assert.True(here is { Fp32: > 0, Bf16: > 0, Bandwidth: > 0, HalfRows: >= 0, Memory: > 0 });
    }
}
