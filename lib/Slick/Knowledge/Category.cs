namespace Slick.Knowledge;

/// <summary>
/// SliCK's four categories of a fact (paper, section 3), from the best known to the least known. P_Correct(T=0) is the share of prompts
/// whose greedy answer is right, P_Correct(T&gt;0) the share of right samples. Taught in
/// <c>notebooks/01-what-does-a-model-know.ipynb</c>.
/// </summary>
public enum Category
{
    /// <summary>P_Correct(T=0) = 1: every prompt's greedy answer is right.</summary>
    HighlyKnown,
    /// <summary>0 &lt; P_Correct(T=0) &lt; 1: some prompts' greedy answers are right.</summary>
    MaybeKnown,
    /// <summary>P_Correct(T=0) = 0 and P_Correct(T&gt;0) &gt; 0: no greedy answer is right, and some samples are.</summary>
    WeaklyKnown,
    /// <summary>P_Correct(T=0) = 0 and P_Correct(T&gt;0) = 0: no greedy answer and no sample is right.</summary>
    Unknown,
}
