namespace Slick.Knowledge;

/// <summary>SliCK's four categories (paper, section 3), from the best known to the least.</summary>
public enum Category
{
    /// <summary>P_Correct(T=0) = 1: every prompt's greedy answer is right.</summary>
    HighlyKnown,
    /// <summary>0 &lt; P_Correct(T=0) &lt; 1.</summary>
    MaybeKnown,
    /// <summary>P_Correct(T=0) = 0 and P_Correct(T&gt;0) &gt; 0.</summary>
    WeaklyKnown,
    /// <summary>Both are 0.</summary>
    Unknown,
}
