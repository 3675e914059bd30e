namespace Slick.Text;

/// <summary>Text to token ids and back.</summary>
public interface ITokenizer
{
    /// <summary>Number of ids.</summary>
    int VocabularySize { get; }
    /// <summary>Id of the token that begins a text, where there is one.</summary>
    int? BosId { get; }
    /// <summary>Id of the token that ends a text, where there is one.</summary>
    int? EosId { get; }
    /// <summary>The token of a word that is not in the vocabulary; null where every text can be written.</summary>
    int? UnknownId => null;
    /// <summary><see cref="VocabularySize"/> without added tokens: a text in which no added token stands has ids below it.</summary>
    int TextVocabularySize => VocabularySize;

    /// <summary>The ids of a text, with the special tokens that the tokenizer adds (such as BOS) unless told otherwise.</summary>
    int[] Encode(string text, bool addSpecialTokens = true);

    /// <summary>
    /// The ids of a text that goes on: as <see cref="Encode"/> without the special tokens that the tokenizer puts behind a text (such as
    /// EOS).
    /// </summary>
    int[] EncodePrompt(string text) => Encode(text);

    /// <summary>The text of ids.</summary>
    string Decode(IReadOnlyList<int> ids);

    /// <summary>True for a token whose text begins with a line feed: it ends an answer.</summary>
    bool StartsWithLineFeed(int id);
}
