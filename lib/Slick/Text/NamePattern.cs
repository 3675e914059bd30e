using System.Text.RegularExpressions;

namespace Slick.Text;

/// <summary>Regular expressions for names of parameters, which a user or a file gives.</summary>
internal static class NamePattern
{
    // Longest time of a match. A name has some dozen letters, so an expression that takes longer backtracks without end.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    /// <summary>A test whether an expression matches a whole name (Python's <c>re.fullmatch</c>).</summary>
    /// <param name="pattern">The expression.</param>
    /// <param name="wrong">Makes the error from the words that say what is wrong with the expression.</param>
    public static Predicate<string> Whole(string pattern, Func<string, Exception> wrong)
    {
        Regex expression;
        try
        {
            expression = new Regex($@"\A(?:{pattern})\z", RegexOptions.CultureInvariant, Longest);
        }
        catch (ArgumentException e)
        {
            throw wrong($"it is no regular expression ({e.Message.TrimEnd('.')})");
        }
        return name =>
        {
            try
            {
                return expression.IsMatch(name);
            }
            catch (RegexMatchTimeoutException)
            {
                throw wrong($"comparing it with '{name}' takes more than a second");
            }
        };
    }
}
