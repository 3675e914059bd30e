using Slick.Storage;

namespace Slick.Runtime;

/// <summary>Where long work tells how far it is. Called from several threads at once.</summary>
public interface IProgressReport
{
    /// <summary>A stage begins.</summary>
    void Stage(string name);

    /// <summary>A part of the stage is done; the same unit for both numbers.</summary>
    void Report(string stage, double done, double total, string detail = "");

    /// <summary>A line worth keeping.</summary>
    void Say(string line);
}

/// <summary>Ready-made reports.</summary>
public static class Progress
{
    /// <summary>Says nothing.</summary>
    public static IProgressReport None { get; } = new Silent();

    private sealed class Silent : IProgressReport
    {
        public void Stage(string name) { }
        public void Report(string stage, double done, double total, string detail = "") { }
        public void Say(string line) { }
    }
}
