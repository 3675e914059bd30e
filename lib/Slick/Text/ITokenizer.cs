namespace Slick.Text;

/// <summary>A tokenizer: turns text into token ids, and token ids into text.</summary>
public interface ITokenizer
{
    /// <summary>Number of token ids, added tokens included.</summary>
    int VocabularySize { get; }
    /// <summary>Id of the token that begins a text (BOS); null where there is none.</summary>
    int? BosId { get; }
    /// <summary>Id of the token that ends a text (EOS); null where there is none.</summary>
    int? EosId { get; }
    /// <summary>Id of the token for a word that is not in the vocabulary; null where every text can be encoded.</summary>
    int? UnknownId => null;
    /// <summary>
    /// <see cref="VocabularySize"/> without added tokens. The ids of a text without added tokens are smaller than this number.
    /// </summary>
    int TextVocabularySize => VocabularySize;

    /// <summary>Encodes a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecialTokens">False to leave out the special tokens that the tokenizer puts before and after a text, such as BOS
    /// and EOS.</param>
    /// <returns>The token ids, in order.</returns>
    int[] Encode(string text, bool addSpecialTokens = true);

    /// <summary>
    /// Encodes a text that a model shall continue: as <see cref="Encode"/>, without the special tokens that the tokenizer puts after a
    /// text, such as EOS.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <returns>The token ids, in order.</returns>
    int[] EncodePrompt(string text) => Encode(text);

    /// <summary>Decodes token ids into text.</summary>
    /// <param name="ids">The token ids, in order.</param>
    string Decode(IReadOnlyList<int> ids);

    /// <summary>True for a token whose text begins with a line feed. Such a token ends an answer.</summary>
    /// <param name="id">The token's id.</param>
    bool StartsWithLineFeed(int id);
}
