package command

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/grpc"

	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/wallet"
)

// adminOptions are the flags of admin.
type adminOptions struct {
	*who
	name, bank, account, balance, currency, file string
	tx, reason                                   string
	commit, abort                                bool
}

var adminTasks = []string{"add-user", "resolve", "accounts"}

func adminCommand() systems.Command {
	return systems.Command{
		Name: "admin", Args: "add-user|resolve|accounts", Summary: "what only users of role admin may do",
		Example: "dyno strife admin accounts --dir bank.d --user admin\n" +
			"dyno strife admin add-user --dir bank.d --user admin --name zoe --bank alpha --account 9001 --balance 10.00 " +
			"--password-file zoe.password\n" +
			"dyno strife admin resolve --dir bank.d --user admin --bank alpha\n" +
			"dyno strife admin resolve --dir bank.d --user admin --bank alpha --tx 1.3.17 --abort --reason 'gateway lost'",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := &adminOptions{who: bind(fs)}
			fs.StringVar(&o.name, "name", "", "add-user: the new user's `NAME`")
			fs.StringVar(&o.bank, "bank", "", "add-user, resolve: the `BANK`")
			fs.StringVar(&o.account, "account", "", "add-user: the account's `NUMBER`")
			fs.StringVar(&o.balance, "balance", "0", "add-user: `AMOUNT` in the account, if the bank opens it")
			fs.StringVar(&o.currency, "currency", "EUR", "add-user: of the account, ISO 4217")
			fs.StringVar(&o.file, "password-file", "", "add-user: `FILE` that holds the new user's password")
			fs.StringVar(&o.tx, "tx", "", "resolve: the transaction in doubt, GATEWAY.EPOCH.NUMBER; without it those in doubt are listed")
			fs.BoolVar(&o.commit, "commit", false, "resolve: commit it, whatever the gateway decided")
			fs.BoolVar(&o.abort, "abort", false, "resolve: abort it, whatever the gateway decided")
			fs.StringVar(&o.reason, "reason", "", "resolve: why; it is kept in the audit")
			return o.run
		},
	}
}

func (o *adminOptions) run(ctx context.Context, sh systems.Shell) error {
	task := map[string]func(context.Context, systems.Shell, strifev1.AdminServiceClient) error{
		"add-user": o.addUser, "resolve": o.resolve, "accounts": o.accounts,
	}[strings.Join(sh.Args, " ")]
	if len(sh.Args) == 0 {
		return systems.Usagef("admin: which task? one of %s", strings.Join(adminTasks, ", "))
	}
	if task == nil {
		return systems.Usagef("admin: task %w", &systems.ChoiceError{Word: strings.Join(sh.Args, " "), Allowed: adminTasks})
	}
	return o.call(ctx, func(ctx context.Context, conn *grpc.ClientConn, _ wallet.Session) error {
		return task(ctx, sh, strifev1.NewAdminServiceClient(conn))
	})
}

func (o *adminOptions) addUser(ctx context.Context, sh systems.Shell, c strifev1.AdminServiceClient) error {
	if o.name == "" || o.bank == "" || o.account == "" {
		return systems.Usagef("admin add-user: --name, --bank and --account are needed")
	}
	cur, err := money.ParseCurrency(o.currency)
	if err != nil {
		return systems.Usagef("--currency: %w", err)
	}
	balance, err := money.Parse(o.balance, cur)
	if err != nil {
		return systems.Usagef("--balance: %w", err)
	}
	secret, err := password(o.file, sh.In, sh.Err)
	if err != nil {
		return err
	}
	if err := o.site().Enrol(o.name); err != nil {
		return err
	}
	_, err = c.AddUser(ctx, &strifev1.AddUserRequest{
		User: o.name, Password: secret, Account: &strifev1.Account{Bank: o.bank, Number: o.account},
		Balance: &strifev1.Money{Minor: balance.Minor, Currency: o.currency},
	})
	if err != nil {
		return err
	}
	return o.print(sh.Out, map[string]string{"user": o.name, "bank": o.bank, "account": o.account}, "%s is added", o.name)
}

func (o *adminOptions) accounts(ctx context.Context, sh systems.Shell, c strifev1.AdminServiceClient) error {
	resp, err := c.ListAccounts(ctx, &strifev1.ListAccountsRequest{})
	if err != nil {
		return err
	}
	type row struct {
		User    string `json:"user"`
		Role    string `json:"role"`
		Bank    string `json:"bank,omitempty"`
		Account string `json:"account,omitempty"`
	}
	rows := []row{}
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "USER\tROLE\tACCOUNT")
	for _, u := range resp.GetCustomers() {
		rows = append(rows, row{u.GetUser(), u.GetRole(), u.GetAccount().GetBank(), u.GetAccount().GetNumber()})
		fmt.Fprintf(t, "%s\t%s\t%s\n", u.GetUser(), u.GetRole(), wallet.AccountText(u.GetAccount()))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return o.print(sh.Out, map[string]any{"accounts": rows}, "%s", b.String())
}

func (o *adminOptions) resolve(ctx context.Context, sh systems.Shell, c strifev1.AdminServiceClient) error {
	if o.bank == "" {
		return systems.Usagef("admin resolve: --bank is missing: say which bank is in doubt")
	}
	if o.tx == "" {
		return o.doubts(ctx, sh, c)
	}
	tx, err := parseTx(o.tx)
	if err != nil {
		return err
	}
	if o.commit == o.abort || o.reason == "" {
		return systems.Usagef("admin resolve: give one of --commit and --abort, and a --reason: it may be damage, and is kept in the audit")
	}
	resp, err := c.Resolve(ctx, &strifev1.ResolveRequest{Bank: o.bank, Tx: tx, Commit: o.commit, Reason: o.reason})
	if err != nil {
		return err
	}
	if resp.GetOutcome() == strifev1.Outcome_OUTCOME_PENDING {
		return fmt.Errorf("bank %s is not in doubt about %s: dyno strife admin resolve --bank %s lists what it is in doubt about",
			o.bank, o.tx, o.bank)
	}
	outcome := strings.ToLower(strings.TrimPrefix(resp.GetOutcome().String(), "OUTCOME_"))
	if (resp.GetOutcome() == strifev1.Outcome_OUTCOME_COMMITTED) != o.commit {
		return fmt.Errorf("%s at %s is %s already: a decision stays, and nothing was changed", o.tx, o.bank, outcome)
	}
	return o.print(sh.Out, map[string]string{"bank": o.bank, "tx": o.tx, "outcome": outcome}, "%s at %s: %s", o.tx, o.bank, outcome)
}

func (o *adminOptions) doubts(ctx context.Context, sh systems.Shell, c strifev1.AdminServiceClient) error {
	resp, err := c.ListInDoubt(ctx, &strifev1.ListInDoubtRequest{Bank: o.bank})
	if err != nil {
		return err
	}
	type row struct {
		Tx   string  `json:"tx"`
		AgeS float64 `json:"age_s"`
	}
	rows := []row{}
	var text strings.Builder
	fmt.Fprintf(&text, "%d in doubt at %s\n", len(resp.GetDoubts()), o.bank)
	for _, d := range resp.GetDoubts() {
		r := row{txText(d.GetTx()), (time.Duration(d.GetAgeMs()) * time.Millisecond).Seconds()}
		rows = append(rows, r)
		fmt.Fprintf(&text, "%s for %.1f s\n", r.Tx, r.AgeS)
	}
	return o.print(sh.Out, map[string]any{"in_doubt": rows}, "%s", text.String())
}

// txText names a transaction as GATEWAY.EPOCH.NUMBER.
func txText(tx *strifev1.TxID) string {
	return fmt.Sprintf("%d.%d.%d", tx.GetGateway(), tx.GetEpoch(), tx.GetNumber())
}

func parseTx(text string) (*strifev1.TxID, error) {
	tx := &strifev1.TxID{}
	if _, err := fmt.Sscanf(text, "%d.%d.%d", &tx.Gateway, &tx.Epoch, &tx.Number); err != nil || txText(tx) != text {
		return nil, systems.Usagef("--tx: %q is not GATEWAY.EPOCH.NUMBER, such as 1.3.17", text)
	}
	return tx, nil
}
