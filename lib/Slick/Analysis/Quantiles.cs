using MathNet.Numerics.Distributions;

namespace Slick.Analysis;

/// <summary>
/// Tail areas of distributions and their inverses, to full relative precision. MathNet's own inverses stop at an absolute error of 1e-12
/// (Beta), or search t within +-800 only. That is too little for small rates and for one or two degrees of freedom.
/// </summary>
internal static class Quantiles
{
    /// <summary>P(|T| >= |t|) for Student's t.</summary>
    public static double TwoSidedP(double t, double degreesOfFreedom) => 2 * LowerTail(-Math.Abs(t), degreesOfFreedom);

    /// <summary>P(T &lt;= t) for Student's t. An infinite t is allowed. A NaN t, or no degrees of freedom, gives NaN.</summary>
    public static double LowerTail(double t, double degreesOfFreedom)
    {
        if (double.IsNaN(t) || !(degreesOfFreedom > 0)) return double.NaN;
        if (double.IsInfinity(t)) return t > 0 ? 1 : 0;
        return StudentT.CDF(0, 1, degreesOfFreedom, t);
    }

    /// <summary>
    /// The t with P(|T| &lt;= t) = level. Found by Newton's method from 0: the upper tail is convex and falls there, so the steps rise to
    /// the root and never pass it.
    /// </summary>
    public static double CriticalT(double level, double degreesOfFreedom)
    {
        var tail = (1 - level) / 2;
        var t = 0.0;
        for (var i = 0; i < 500; i++)
        {
            var step = (StudentT.CDF(0, 1, degreesOfFreedom, -t) - tail) / StudentT.PDF(0, 1, degreesOfFreedom, t);
            t += step;
            if (Math.Abs(step) <= 1e-15 * t) break;
        }
        return t;
    }

    /// <summary>The x with P(X &lt;= x) = p for a Beta(a, b) variable. Newton steps on ln x make MathNet's root more precise.</summary>
    public static double Beta(double a, double b, double p)
    {
        var x = MathNet.Numerics.Distributions.Beta.InvCDF(a, b, p);
        for (var i = 0; i < 20; i++)
        {
            var density = MathNet.Numerics.Distributions.Beta.PDF(a, b, x);
            var step = (p - MathNet.Numerics.Distributions.Beta.CDF(a, b, x)) / (density * x);
            if (!double.IsFinite(step)) break;
            var next = x * Math.Exp(Math.Clamp(step, -1, 1));
            if (next >= 1) break;
            var done = Math.Abs(next - x) <= 1e-15 * x;
            x = next;
            if (done) break;
        }
        return x;
    }
}
