package site

import (
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"dyno/internal/rpc"
	"dyno/systems/strife/core/money"
	"dyno/systems/strife/security"
)

// Plan says what [Dir.Init] makes. The zero value of a field means what is said.
type Plan struct {
	Banks    int             // 1 to 64
	Users    int             // 1 to 10,000: one account each, spread over the banks
	Seed     uint64          // of the balances; passwords and keys come from no seed
	Currency string          // empty: EUR
	Balance  int64           // of each account, in minor units; 0: from 500.00 to 1500.00, drawn
	Hashing  security.Params // of passwords; zero: as recommended
	Same     bool            // all users have one password: quick to make, for a trial

	Protection security.Protection // empty: full
}

// Spare accounts of each bank are nobody's until somebody registers.
const spares = 2

// AdminUser is the admin whom init makes.
const AdminUser = "admin"

// Made is what init has made, for people and programs.
type Made struct {
	Dir   string        `json:"dir"`
	Banks []string      `json:"banks"`
	Users []MadeUser    `json:"users"`
	Admin MadeUser      `json:"admin"`
	Spare []MadeAccount `json:"spare"` // accounts that a new user may register with
}

// MadeUser is a user with its account.
type MadeUser struct {
	User         string `json:"user"`
	PasswordFile string `json:"password_file"`
	Bank         string `json:"bank,omitempty"`
	Account      string `json:"account,omitempty"`
	Balance      string `json:"balance,omitempty"`
	Currency     string `json:"currency,omitempty"`
}

// MadeAccount is an account of nobody.
type MadeAccount struct {
	Bank     string `json:"bank"`
	Account  string `json:"account"`
	Balance  string `json:"balance"`
	Currency string `json:"currency"`
}

var (
	bankNames = strings.Fields("alpha beta gamma delta epsilon zeta eta theta")
	userNames = strings.Fields("alice bob carol dave erin frank grace heidi ivan judy mallory niaj olivia peggy rupert sybil")
)

// nameAt is the name of the i-th: from the list, then numbered.
func nameAt(list []string, kind string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return fmt.Sprintf("%s%d", kind, i+1)
}

// BankNames are the names of so many banks.
func BankNames(n int) (names []string) {
	for i := range n {
		names = append(names, nameAt(bankNames, "bank", i))
	}
	return names
}

// Init makes the folder: an authority of its own, certificates, users with
// passwords, banks with accounts. It refuses a folder that has been made.
func (d Dir) Init(p Plan) (m Made, err error) {
	if p.Banks < 1 || p.Banks > 64 || p.Users < 1 || p.Users > 10_000 {
		return m, fmt.Errorf("init: %d banks and %d users; want 1 to 64 and 1 to 10000", p.Banks, p.Users)
	}
	if _, err := os.Stat(d.Setup()); err == nil {
		return m, fmt.Errorf("init: %s is there already; choose another --dir or remove this one", d.Setup())
	}
	if p.Hashing == (security.Params{}) {
		p.Hashing = security.Recommended
	}
	for _, dir := range []string{d.Keys(), d.Authority(), filepath.Dir(d.Password("x"))} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return m, err
		}
	}
	w := worker{dir: d, plan: p, chance: mathrand.New(mathrand.NewPCG(p.Seed, 0)), setup: Setup{Banks: map[string]Bank{}}}
	if w.authority, err = rpc.NewAuthority(d.Keys()); err == nil {
		err = errors.Join(w.authority.Keep(d.Authority()), w.certify(security.TheGateway))
	}
	if err != nil {
		return m, err
	}
	if err := w.work(); err != nil {
		return m, fmt.Errorf("init: %w", err)
	}
	return w.made, w.finish()
}

// worker makes a folder.
type worker struct {
	dir       Dir
	plan      Plan
	chance    *mathrand.Rand
	authority *rpc.Authority
	setup     Setup
	made      Made
	currency  money.Currency
	password  string // with its hash, of all users; empty: each has its own
	hash      string
}

func (w *worker) work() (err error) {
	w.made.Dir = string(w.dir)
	if w.plan.Currency == "" {
		w.plan.Currency = "EUR"
	}
	if w.currency, err = money.ParseCurrency(w.plan.Currency); err != nil {
		return err
	}
	if w.plan.Same {
		w.password = rand.Text()
		w.hash = w.plan.Hashing.Hash(w.password)
	}
	for _, name := range BankNames(w.plan.Banks) {
		if err := w.bank(name); err != nil {
			return err
		}
	}
	for i := range w.plan.Users {
		bank := w.made.Banks[i%w.plan.Banks]
		name := nameAt(userNames, "user", i)
		u := User{Name: name, Role: security.Customer, Bank: bank, Account: w.open(bank, name)}
		if err := w.user(u); err != nil {
			return err
		}
	}
	for _, bank := range w.made.Banks {
		for range spares {
			number := w.open(bank, "")
			all := w.setup.Banks[bank].Accounts
			w.made.Spare = append(w.made.Spare, MadeAccount{bank, number, all[len(all)-1].Balance, w.plan.Currency})
		}
	}
	return w.user(User{Name: AdminUser, Role: security.Admin})
}

func (w *worker) certify(p security.Party) error { return w.authority.Issue(p.Identity(), p.URI()) }

func (w *worker) bank(name string) error {
	w.made.Banks = append(w.made.Banks, name)
	w.setup.Gateway.Banks = append(w.setup.Gateway.Banks, name)
	w.setup.Banks[name] = Bank{}
	return w.certify(security.Party{Role: security.Bank, Name: name})
}

// open adds an account to a bank.
func (w *worker) open(bank, holder string) (number string) {
	b := w.setup.Banks[bank]
	number = fmt.Sprint(1001 + len(b.Accounts))
	minor := w.plan.Balance
	if minor == 0 {
		minor = 50_000 + w.chance.Int64N(100_000)
	}
	balance := money.Amount{Minor: minor, Currency: w.currency}
	b.Accounts = append(b.Accounts, Account{Number: number, Holder: holder, Balance: balance.Text(), Currency: w.plan.Currency})
	w.setup.Banks[bank] = b
	return number
}

// user makes certificate and password of a user.
func (w *worker) user(u User) error {
	password, hash := w.password, w.hash
	if password == "" {
		password = rand.Text()
		hash = w.plan.Hashing.Hash(password)
	}
	u.Password = hash
	w.setup.Gateway.Users = append(w.setup.Gateway.Users, u)
	made := MadeUser{User: u.Name, PasswordFile: w.dir.Password(u.Name), Bank: u.Bank, Account: u.Account}
	if u.Role == security.Admin {
		w.made.Admin = made
	} else {
		all := w.setup.Banks[u.Bank].Accounts
		made.Balance, made.Currency = all[len(all)-1].Balance, w.plan.Currency
		w.made.Users = append(w.made.Users, made)
	}
	return errors.Join(
		w.certify(security.Party{Role: security.Client, Name: u.Name}),
		os.WriteFile(made.PasswordFile, []byte(password+"\n"), 0o600))
}

// finish writes setup.yaml, last: a folder with one is whole.
func (w *worker) finish() error {
	if p := w.plan.Protection; p != "" && p != security.Full {
		if err := os.WriteFile(w.dir.unprotected(), []byte(p), 0o600); err != nil {
			return err
		}
	}
	text, err := yaml.Marshal(w.setup)
	if err != nil {
		return err
	}
	return os.WriteFile(w.dir.Setup(), text, 0o600)
}

// Enrol certifies a new user. It is for who operates this folder: the key of
// its authority lies there.
func (d Dir) Enrol(user string) error {
	p := security.Party{Role: security.Client, Name: user}
	if err := security.CheckName("user", user); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(d.Keys(), p.Identity()+".pem")); err == nil {
		return nil // it has been
	}
	a, err := rpc.OpenAuthority(d.Keys(), d.Authority())
	if err != nil {
		return fmt.Errorf("%w; new users are certified where dyno strife init was run", err)
	}
	return a.Issue(p.Identity(), p.URI())
}
