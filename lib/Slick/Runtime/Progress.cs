namespace Slick.Runtime;

/// <summary>The receiver of progress of long work. Its methods are called from several threads at once.</summary>
public interface IProgressReport
{
    /// <summary>Called when a stage begins.</summary>
    /// <param name="name">The stage.</param>
    void Stage(string name);

    /// <summary>Called when a part of a stage is done.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="done">How much is done, in any unit.</param>
    /// <param name="total">How much there is in all, in the same unit.</param>
    /// <param name="detail">A word on what is being done; may be empty.</param>
    void Report(string stage, double done, double total, string detail = "");

    /// <summary>Called with a line for the user that shall stay visible.</summary>
    /// <param name="line">The line.</param>
    void Say(string line);
}

/// <summary>Ready-made receivers of progress.</summary>
public static class Progress
{
    /// <summary>A receiver that shows nothing.</summary>
    public static IProgressReport None { get; } = new Silent();

    private sealed class Silent : IProgressReport
    {
        public void Stage(string name) { }
        public void Report(string stage, double done, double total, string detail = "") { }
        public void Say(string line) { }
    }
}
